#include "server/shortage.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace roktcached {

namespace {

constexpr std::chrono::seconds between_lines{10};

}  // namespace

bool Shortage::relieve(SteadyTime now) {
  const net::WaitingSenders::Asked asked = senders_.ask_slowest(now);
  if (asked.now > 0 || !asked.any) report(asked.now, !asked.any, now);
  return asked.any;
}

void Shortage::report(std::size_t cut, bool refused, SteadyTime now) {
  std::size_t cut_since = 0;
  std::size_t refused_since = 0;
  {
    const LockGuard lock(mutex_);
    cut_ += cut;
    refused_ += refused ? 1 : 0;
    if (now < next_line_) return;
    next_line_ = now + between_lines;
    cut_since = std::exchange(cut_, 0);
    refused_since = std::exchange(refused_, 0);
  }
  spdlog::warn(
      "memory: answers fill cache.max_memory and cache.max_transient; since the last such line {} clients "
      "that took nothing were cut, and {} times there was no room",
      cut_since, refused_since);
}

}  // namespace roktcached
