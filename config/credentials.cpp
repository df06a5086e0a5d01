#include "config/credentials.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iomanip>
#include <sstream>
#include <system_error>

namespace roktcached::config {

namespace {

constexpr std::size_t max_secret = 4096;

/// One half of the credential: where it may come from.
struct Source {
  std::string_view what;  // "app id"
  std::string variable;
  std::string file_key;
  std::string file;
  std::string systemd_name;
};

Error refused(std::string context) {
  return {.code = ErrorCode::configuration,
          .source = ErrorSource::config,
          .retryable = false,
          .context = std::move(context)};
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

Result<std::string> read_file(const std::string& path, bool must_be_private) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0)
    return refused(path + ": " + std::generic_category().message(errno));
  if (!S_ISREG(status.st_mode)) return refused(path + ": not a regular file");
  if (must_be_private && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    std::ostringstream mode;
    mode << std::oct << std::setw(4) << std::setfill('0') << (status.st_mode & 07777);
    return refused(path + ": has mode " + mode.str() +
                   ", so that group or others have access to it; accepted: mode 0600 or 0400");
  }
  std::array<char, max_secret + 2> buffer{};
  const auto size = ::read(file.get(), buffer.data(), buffer.size());
  if (size < 0) return refused(path + ": " + std::generic_category().message(errno));
  std::string text(buffer.data(), static_cast<std::size_t>(size));
  explicit_bzero(buffer.data(), buffer.size());
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

Result<Secret> check(const Source& source, const std::string& from, std::string value) {
  const bool plain = std::ranges::all_of(value, [](char c) { return c > 0x20 && c < 0x7f; });
  if (value.empty()) return refused(from + ": the " + std::string(source.what) + " is empty");
  if (value.size() > max_secret)
    return refused(from + ": the " + std::string(source.what) + " is longer than 4096 bytes");
  if (!plain)
    return refused(from + ": the " + std::string(source.what) + " has characters that are not visible ASCII");
  if (source.what == "app id" && value.find(':') != std::string::npos)
    return refused(from + ": an app id has no ':'");
  return Secret(std::move(value));
}

Result<Secret> load_one(const Source& source, const Environment& environment) {
  if (auto value = environment.get(source.variable))
    return check(source, "$" + source.variable, std::move(*value));
  if (!source.file.empty()) {
    auto text = read_file(source.file, true);
    if (!text) return refused("credential." + source.file_key + ": " + text.error().context);
    return check(source, source.file, std::move(*text));
  }
  if (const auto folder = environment.get("CREDENTIALS_DIRECTORY")) {
    const std::string path = *folder + "/" + source.systemd_name;
    auto text = read_file(path, false);
    if (!text) return refused("$CREDENTIALS_DIRECTORY: " + text.error().context);
    return check(source, path, std::move(*text));
  }
  return refused("no " + std::string(source.what) + ": set $" + source.variable + ", or credential." +
                 source.file_key + ", or the systemd credential " + source.systemd_name);
}

}  // namespace

Result<void> load_credential(Credential& credential, const Environment& environment) {
  auto id =
      load_one({"app id", "ROKT_APP_ID", "app_id_file", credential.app_id_file, "rokt_app_id"}, environment);
  if (!id) return id.error();
  auto secret = load_one(
      {"app secret", "ROKT_APP_SECRET", "app_secret_file", credential.app_secret_file, "rokt_app_secret"},
      environment);
  if (!secret) return secret.error();
  credential.app_id = std::move(*id);
  credential.app_secret = std::move(*secret);
  return {};
}

Result<void> load_admin_token(Admin& admin) {
  constexpr std::size_t least = 16;
  if (admin.token_file.empty()) return {};
  auto text = read_file(admin.token_file, true);
  if (!text) return refused("admin.token_file: " + text.error().context);
  auto token = check({"admin token", {}, {}, {}, {}}, admin.token_file, std::move(*text));
  if (!token) return token.error();
  if (token->reveal().size() < least)
    return refused(admin.token_file + ": the admin token is shorter than 16 characters");
  admin.token = std::move(*token);
  return {};
}

}  // namespace roktcached::config
