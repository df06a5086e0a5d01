#include "server/access/token_key.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <system_error>

#include "config/private_file.h"
#include "core/base64.h"
#include "core/descriptor.h"
#include "server/access/scrypt.h"
#include "storage/sqlite/private_file.h"

namespace roktcached::access {

namespace {

Error refused(const std::string& path, std::string_view why) {
  return {.code = ErrorCode::configuration, .context = "token key " + path + ": " + std::string(why)};
}

/// @param error  of read_private_file, which names the path
Error with_name(Error error) {
  error.context.insert(0, "token key ");
  return error;
}

Error failed(const std::string& path) {
  return refused(path, std::generic_category().message(errno));
}

/// A file that goes when its maker does.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string path)
      : path_(std::move(path)),
        file_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)) {}
  ~TemporaryFile() {
    if (file_.get() >= 0) ::unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const Descriptor& file() const { return file_; }

 private:
  const std::string path_;
  const Descriptor file_;
};

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return path.substr(0, slash == 0 ? 1 : slash);
}

/// @return nothing if there is no file
Result<std::optional<config::Secret>> load(const std::string& path) {
  constexpr std::size_t max_read = 4096;
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0)
    return errno == ENOENT ? Result<std::optional<config::Secret>>(std::nullopt) : failed(path);
  const bool is_link = S_ISLNK(status.st_mode);
  if (is_link && ::stat(path.c_str(), &status) != 0 && errno == ENOENT)
    return refused(path, "is a symbolic link to nothing");
  auto key = config::read_private_file(path, max_read);
  if (!key) return with_name(key.error());
  if (key->reveal().size() != token_key_size) {
    return refused(path,
                   "does not hold 32 bytes, and so is no key that was made here; once it is gone, a new "
                   "one is made at the next start");
  }
  return std::optional(std::move(*key));
}

/// Puts a new key at `path`, unless there is something by then.
Result<void> make(const std::string& path) {
  const TemporaryFile fresh(path + ".new-" + to_base64url(random_bytes(6)));
  const Descriptor folder(::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fresh.file().get() < 0 || folder.get() < 0) return failed(path);
  const config::Secret key = random_token_key();
  const auto written = ::write(fresh.file().get(), key.reveal().data(), key.reveal().size());
  if (written < 0) return failed(path);
  if (static_cast<std::size_t>(written) != token_key_size) return refused(path, "could not be written whole");
  if (::fsync(fresh.file().get()) != 0) return failed(path);
  // A link, not a rename, replaces nothing: of two who start at once, one finds the other's key in its place.
  if (::link(fresh.path().c_str(), path.c_str()) != 0 && errno != EEXIST) return failed(path);
  if (::fsync(folder.get()) != 0) return failed(path);
  return {};
}

}  // namespace

config::Secret random_token_key() {
  return config::Secret(random_bytes(token_key_size));
}

Result<config::Secret> load_or_make_token_key(const std::string& path) {
  auto kept = load(path);
  if (kept && !*kept) {
    if (const auto made = make(path); !made) return made.error();
    kept = load(path);
  }
  if (!kept) return kept.error();
  if (!*kept) return refused(path, "was removed while it was made");
  return std::move(**kept);
}

Result<void> check_token_key(const std::string& path, const std::string& made_before) {
  const auto kept = load(path);
  if (!kept) return kept.error();
  const std::string folder = folder_of(path);
  if (*kept || folder == folder_of(made_before + "/")) return {};
  errno = storage::error_of_making_files_in(folder);
  return errno == 0 ? Result<void>() : failed(path);
}

}  // namespace roktcached::access
