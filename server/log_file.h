#pragma once

#include <spdlog/sinks/base_sink.h>

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "core/descriptor.h"
#include "core/error.h"

namespace roktcached {

/// The file that the log goes to: appended to, a line a write, so that others can read, rename and truncate
/// it meanwhile. Safe from any thread. A write that fails loses its line, which is counted (see logging.h).
class LogFile final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  /// Opens the file, or makes it with mode 0640, so that a program that ships logs can be in its group. A
  /// file that is there keeps its mode. Only a regular file or a character device is taken.
  /// @return configuration, naming the setting and the path
  [[nodiscard]] static Result<std::shared_ptr<LogFile>> open(const std::string& path);

  /// Standard error as a log, under the same terms. Is not opened again.
  [[nodiscard]] static std::shared_ptr<LogFile> standard_error();

  /// Opens the file again under its name, and makes it if it has gone. Later lines go there.
  /// @return why that cannot be; then the file in use stays in use
  [[nodiscard]] Result<void> reopen();
  [[nodiscard]] const std::string& path() const { return path_; }

  /// Writes a line that is formatted already.
  void write(std::string_view line) noexcept;

  LogFile(std::string path, int descriptor);

 private:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override {}
  void write_line(std::string_view line) noexcept;
  [[nodiscard]] bool wait_for_room() noexcept;

  const std::string path_;
  std::unique_ptr<Descriptor> descriptor_;
  bool stalled_ = false;  // nobody reads what is written
};

/// Whether LogFile::open(path) would succeed, without making the file. An empty path is none.
[[nodiscard]] Result<void> check_log_file(const std::string& path);

}  // namespace roktcached
