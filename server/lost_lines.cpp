#include "server/lost_lines.h"

#include <poll.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

namespace roktcached {

namespace {

constexpr std::int64_t seconds_between_complaints = 60;

std::atomic<std::uint64_t> lines_lost{0};
std::atomic<std::int64_t> next_complaint_s{0};  // on the monotonic clock

}  // namespace

void say_without_waiting(std::string_view line) noexcept {
  pollfd writable{STDERR_FILENO, POLLOUT, 0};  // a pipe with room has room for PIPE_BUF
  if (::poll(&writable, 1, 0) > 0) (void)!::write(STDERR_FILENO, line.data(), line.size());
}

void count_lost_line(const char* why) noexcept {
  lines_lost.fetch_add(1, std::memory_order_relaxed);
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  std::int64_t due = next_complaint_s.load(std::memory_order_relaxed);
  if (now.tv_sec < due) return;
  if (!next_complaint_s.compare_exchange_strong(due, now.tv_sec + seconds_between_complaints)) return;
  say_without_waiting("roktcached: the log has lost a line: ");
  say_without_waiting(why);
  say_without_waiting("\n");
}

std::uint64_t lost_lines() noexcept {
  return lines_lost.load(std::memory_order_relaxed);
}

void say_no_more_of_lost_lines() noexcept {
  next_complaint_s.store(INT64_MAX, std::memory_order_relaxed);
}

}  // namespace roktcached
