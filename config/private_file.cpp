#include "config/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "config/values.h"

namespace roktcached::config {

namespace {

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

Error refused(const std::string& path, const std::string& why) {
  return {.code = ErrorCode::configuration,
          .source = ErrorSource::config,
          .retryable = false,
          .context = path + ": " + why};
}

std::string system_says(int error) {
  return std::generic_category().message(error);
}

/// Up to `most` bytes; or errno's value.
std::pair<std::string, int> read_up_to(int fd, std::size_t most) {
  std::string content(most, '\0');
  std::size_t size = 0;
  while (size < most) {
    const auto more = ::read(fd, content.data() + size, most - size);
    if (more < 0 && errno == EINTR) continue;
    if (more < 0) return {std::string(), errno};
    if (more == 0) break;
    size += static_cast<std::size_t>(more);
  }
  content.resize(size);
  return {std::move(content), 0};
}

Result<Secret> read_file(const std::string& path, std::size_t max, bool must_be_private) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0) return refused(path, system_says(errno));
  if (!S_ISREG(status.st_mode)) return refused(path, "not a regular file");
  const auto why = why_not_private(status.st_mode & 07777U, status.st_uid, ::geteuid());
  if (must_be_private && why) return refused(path, *why);
  auto [content, error] = read_up_to(file.get(), max + 1);
  if (error != 0) return refused(path, system_says(error));
  Secret secret(std::move(content));
  if (secret.reveal().size() > max) return refused(path, "is longer than " + std::to_string(max) + " bytes");
  return secret;
}

}  // namespace

Result<Secret> read_private_file(const std::string& path, std::size_t max) {
  return read_file(path, max, true);
}

Result<Secret> read_guarded_file(const std::string& path, std::size_t max) {
  return read_file(path, max, false);
}

std::optional<std::string> why_not_private(std::uint32_t mode, std::uint32_t owner, std::uint32_t self) {
  if ((mode & 077U) != 0) {
    return "has mode " + format_mode(mode) +
           ", so that group or others have access to it; accepted: mode 0600 or 0400";
  }
  if (owner != self && owner != 0) {
    return "is owned by user " + std::to_string(owner) +
           ", who could put another in its place; accepted: owned by root or by user " +
           std::to_string(self) + ", who runs this";
  }
  return std::nullopt;
}

}  // namespace roktcached::config
