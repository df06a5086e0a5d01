#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "server/inbound/message.h"

namespace roktcached::exchange {

/// Requests by outcome, one object a hit thread, so that counting shares no cache line; summed by who reads.
/// add is for the owning thread, of for any.
struct alignas(64) Counters {
  void add(inbound::Outcome outcome) {
    auto& counter = by_outcome[static_cast<std::size_t>(outcome)];
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t of(inbound::Outcome outcome) const {
    return by_outcome[static_cast<std::size_t>(outcome)].load(std::memory_order_relaxed);
  }

  std::array<std::atomic<std::uint64_t>, inbound::outcome_count> by_outcome{};
};

}  // namespace roktcached::exchange
