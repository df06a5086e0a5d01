#include "server/log_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "server/logging.h"

namespace roktcached {

namespace {

constexpr mode_t mode = 0640;
/// Without O_NONBLOCK a pipe that nobody reads would keep the daemon from starting.
constexpr int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

Error refused(const std::string& path, const std::string& why) {
  return {ErrorCode::configuration, false, "log.file: " + path + ": " + why};
}

Error refused(const std::string& path, int error) {
  return refused(path, std::generic_category().message(error));
}

/// Checks the kind of an open file.
Result<void> check_kind(const std::string& path, int descriptor) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) return refused(path, errno);
  if (!S_ISREG(status.st_mode) && !S_ISCHR(status.st_mode))
    return refused(path, "accepted: a file, or a character device");
  return {};
}

Result<int> open_or_make(const std::string& path) {
  int descriptor = ::open(path.c_str(), flags | O_CREAT | O_EXCL, mode);
  if (descriptor >= 0) {
    ::fchmod(descriptor, mode);  // whatever the umask is
    return descriptor;
  }
  if (errno == EEXIST)
    descriptor = ::open(path.c_str(), flags | O_CREAT, mode);  // a link may lead to nothing yet
  if (descriptor < 0) return refused(path, errno);
  if (const auto taken = check_kind(path, descriptor); !taken) {
    ::close(descriptor);
    return taken.error();
  }
  return descriptor;
}

}  // namespace

LogFile::LogFile(std::string path, int descriptor)
    : path_(std::move(path)), descriptor_(std::make_unique<Descriptor>(descriptor)) {}

Result<std::shared_ptr<LogFile>> LogFile::open(const std::string& path) {
  const auto descriptor = open_or_make(path);
  if (!descriptor) return descriptor.error();
  return std::make_shared<LogFile>(path, *descriptor);
}

Result<void> LogFile::reopen() {
  const auto descriptor = open_or_make(path_);
  if (!descriptor) return descriptor.error();
  auto opened = std::make_unique<Descriptor>(*descriptor);
  const std::lock_guard lock(mutex_);
  descriptor_.swap(opened);
  return {};
}

std::shared_ptr<LogFile> LogFile::standard_error() {
  return std::make_shared<LogFile>("standard error", ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0));
}

/// Throws nothing: what is caught above takes memory.
void LogFile::sink_it_(const spdlog::details::log_msg& message) {
  try {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    write_line({line.data(), line.size()});
  } catch (const std::exception&) {
    count_lost_line("out of memory");
  }
}

void LogFile::write(std::string_view line) noexcept {
  const std::lock_guard lock(mutex_);
  write_line(line);
}

void LogFile::write_line(std::string_view line) noexcept {
  while (!line.empty()) {
    const ssize_t written = ::write(descriptor_->get(), line.data(), line.size());
    if (written < 0 && errno == EINTR) continue;
    // Somebody who shares the pipe has made it so; its reader is slow.
    if (written < 0 && errno == EAGAIN && wait_for_room()) continue;
    if (written < 0) return count_lost_line(::strerrordesc_np(errno));
    stalled_ = false;
    line.remove_prefix(static_cast<std::size_t>(written));
  }
}

/// Once in vain, nothing is waited for until there is room: each line that is lost would take as long.
bool LogFile::wait_for_room() noexcept {
  constexpr int patience_ms = 1000;
  pollfd writable{descriptor_->get(), POLLOUT, 0};
  stalled_ = ::poll(&writable, 1, stalled_ ? 0 : patience_ms) <= 0;
  if (stalled_) errno = EAGAIN;
  return !stalled_;
}

Result<void> check_log_file(const std::string& path) {
  if (path.empty()) return {};
  const Descriptor file(::open(path.c_str(), flags));
  if (file.get() >= 0) return check_kind(path, file.get());
  if (errno != ENOENT) return refused(path, errno);
  const auto folder = std::filesystem::path(path).parent_path();
  const std::string where = folder.empty() ? "." : folder.string();
  if (::faccessat(AT_FDCWD, where.c_str(), W_OK | X_OK, AT_EACCESS) != 0) return refused(path, errno);
  return {};
}

}  // namespace roktcached
