#pragma once

#include <cstdint>
#include <string_view>

#include "config/settings.h"
#include "core/error.h"

namespace spdlog {
class logger;
}

namespace roktcached {

/// Sends everything that is logged to standard error, to the journal or to a file, each as text for people or
/// JSON for machines, from a thread of its own: when the reader of our log is slow, the oldest lines are lost
/// and no request waits. Call once, before any other thread runs; stop_logging() last.
/// @return configuration if the file cannot be opened; nothing is logged then
[[nodiscard]] Result<void> start_logging(const config::Log& settings);

/// Puts level and access lines of other settings in force; files and formats stay. From any thread.
void change_logging(const config::Log& settings);

/// Another level, until the settings are read again. From any thread.
void set_log_level(config::LogLevel level);
[[nodiscard]] config::LogLevel log_level();

/// Opens the log's file again, under the same name, after a log rotation has renamed it. If that fails, the
/// old file stays in use, and a line says so. Without a file it does nothing. Safe from any thread.
void reopen_log();

/// Writes out what is queued. Others may still log: their lines are lost. For an end that waits for no
/// thread.
void end_log();
/// The same, once no other thread runs any more; gives everything back.
void stop_logging();

/// Lines that never reached the log, of all kinds, so far.
struct DroppedLines {
  std::uint64_t queue_full = 0;   ///< the log's reader, or its disk, is too slow
  std::uint64_t not_written = 0;  ///< a write, or memory, has failed
  std::uint64_t held_back = 0;    ///< like others of the same moment, see log_limit.h
};
/// From any thread.
[[nodiscard]] DroppedLines dropped_lines();

/// The logger of access lines; null while none are wanted. From any thread.
[[nodiscard]] spdlog::logger* access_logger();

/// Counts a line that could not be written to the log, and says so on standard error, once a minute at most.
/// Takes no memory and throws nothing: memory that fails is one of the reasons. Safe from any thread.
/// @param why  one line
void count_lost_line(const char* why) noexcept;

/// Writes to standard error, where that does not wait for its reader. As a signal handler may.
void say_without_waiting(std::string_view line) noexcept;

}  // namespace roktcached
