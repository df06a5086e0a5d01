#include "server/end_limit.h"

#include <time.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "server/lost_lines.h"

namespace roktcached {

namespace {

static_assert(std::atomic<std::int64_t>::is_always_lock_free, "a signal handler reads it");
std::atomic<std::int64_t> ends_at_s{0};  // on the monotonic clock

std::int64_t now_s() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

/// Calls only what a signal handler may (signal-safety(7)).
void end_when_due(int) noexcept {
  if (now_s() < ends_at_s.load()) return;  // somebody else's SIGALRM
  static constexpr std::string_view line =
      "roktcached: the end took too long: a disk hangs, or a reader of the log; what was queued is lost\n";
  say_without_waiting(line);  // its reader may be what hangs
  ::_exit(EXIT_FAILURE);
}

}  // namespace

void end_process_after(std::chrono::seconds time) noexcept {
  std::int64_t none = 0;
  if (!ends_at_s.compare_exchange_strong(none, now_s() + time.count())) return;
  struct sigaction action {};
  action.sa_handler = end_when_due;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGALRM, &action, nullptr);
  ::alarm(static_cast<unsigned>(time.count()));
}

}  // namespace roktcached
