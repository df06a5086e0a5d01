#include "server/access/client_rate.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace roktcached::access {

namespace {

using std::chrono::nanoseconds;

/// The longest that a time may be ahead, so that sums of times do not overflow.
constexpr double longest = 1e18;

std::int64_t nanoseconds_of(double value) {
  return static_cast<std::int64_t>(std::llround(std::clamp(value, 0.0, longest)));
}

}  // namespace

ClientRate::ClientRate(const std::vector<config::Client>& clients)
    : lines_(std::make_unique<Line[]>(clients.size())), size_(clients.size()) {
  for (std::size_t i = 0; i < clients.size(); ++i) {
    if (clients[i].requests_per_second <= 0) continue;
    const double interval = 1e9 / clients[i].requests_per_second;
    const std::uint64_t burst = std::max<std::uint64_t>(clients[i].burst, 1);
    lines_[i].interval = std::max<std::int64_t>(nanoseconds_of(interval), 1);
    lines_[i].tolerance = nanoseconds_of(interval * static_cast<double>(burst - 1));
  }
}

void ClientRate::go_on_from(std::size_t client, const ClientRate& before, std::size_t its_place,
                            SteadyTime now) {
  assert(client < size_ && its_place < before.size_);
  const Line& was = before.lines_[its_place];
  Line& line = lines_[client];
  const std::int64_t at = std::chrono::duration_cast<nanoseconds>(now.time_since_epoch()).count();
  const std::int64_t next = was.next.load(std::memory_order_relaxed);
  if (was.interval == 0 || line.interval == 0 || next <= at) return;
  const double used = static_cast<double>(next - at) / static_cast<double>(was.interval);
  const double all = static_cast<double>(line.tolerance) + static_cast<double>(line.interval);
  const double ahead = std::min(used * static_cast<double>(line.interval), all);
  line.next.store(at + nanoseconds_of(ahead), std::memory_order_relaxed);
}

std::optional<std::chrono::milliseconds> ClientRate::take(std::size_t client, SteadyTime now) {
  assert(client < size_);
  Line& line = lines_[client];
  if (line.interval == 0) return std::nullopt;
  const std::int64_t at = std::chrono::duration_cast<nanoseconds>(now.time_since_epoch()).count();
  std::int64_t next = line.next.load(std::memory_order_relaxed);
  while (true) {
    const std::int64_t from = std::max(next, at);
    const std::int64_t too_early = from - at - line.tolerance;
    if (too_early > 0) return std::chrono::ceil<std::chrono::milliseconds>(nanoseconds(too_early));
    if (line.next.compare_exchange_weak(next, from + line.interval, std::memory_order_relaxed))
      return std::nullopt;
  }
}

}  // namespace roktcached::access
