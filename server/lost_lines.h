#pragma once

#include <cstdint>
#include <string_view>

namespace roktcached {

/// Counts a line that could not be written to the log, and says so on standard error, once a minute at most.
/// Takes no memory and throws nothing: memory that fails is one of the reasons. Safe from any thread.
/// @param why  one line
void count_lost_line(const char* why) noexcept;

/// Writes to standard error, where that does not wait for its reader. As a signal handler may.
void say_without_waiting(std::string_view line) noexcept;

/// Lines lost that way so far. From any thread.
[[nodiscard]] std::uint64_t lost_lines() noexcept;

/// From here on nothing is said: the log has ended before those who write to it.
void say_no_more_of_lost_lines() noexcept;

}  // namespace roktcached
