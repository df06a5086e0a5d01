#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <numeric>

namespace roktcached {

/// A number that one thread adds to and any may read. Since there is one writer, adding costs a load and a
/// store, and no locked instruction.
class Counter {
 public:
  void add(std::uint64_t by = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t read() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// Durations counted in fixed buckets, from a hit's microseconds to an upstream's minutes. observe is for
/// one thread, read for any; neither locks or allocates.
class Histogram {
 public:
  /// The longest duration of each bucket; one more bucket holds all longer durations.
  static constexpr std::array<std::chrono::microseconds, 21> bounds = {
      std::chrono::microseconds{25},   std::chrono::microseconds{50},  std::chrono::microseconds{100},
      std::chrono::microseconds{250},  std::chrono::microseconds{500}, std::chrono::milliseconds{1},
      std::chrono::microseconds{2500}, std::chrono::milliseconds{5},   std::chrono::milliseconds{10},
      std::chrono::milliseconds{25},   std::chrono::milliseconds{50},  std::chrono::milliseconds{100},
      std::chrono::milliseconds{250},  std::chrono::milliseconds{500}, std::chrono::seconds{1},
      std::chrono::milliseconds{2500}, std::chrono::seconds{5},        std::chrono::seconds{10},
      std::chrono::seconds{30},        std::chrono::seconds{60},       std::chrono::seconds{120}};

  /// The numbers of some moment. Read while the writer is at work, `sum` and the counts may be a few
  /// durations apart; none of them ever goes back.
  struct Reading {
    std::array<std::uint64_t, bounds.size() + 1> counts{};  ///< of each bucket alone, not cumulative
    std::chrono::nanoseconds sum{};

    [[nodiscard]] std::uint64_t count() const {
      return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
    }
    void add(const Reading& other) {
      for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
      sum += other.sum;
    }
  };

  /// @param took  not negative
  void observe(std::chrono::nanoseconds took) {
    const auto bucket = std::ranges::lower_bound(bounds, took) - bounds.begin();
    counts_[static_cast<std::size_t>(bucket)].add();
    sum_ns_.add(static_cast<std::uint64_t>(took.count()));
  }

  [[nodiscard]] Reading read() const {
    Reading reading;
    for (std::size_t i = 0; i < counts_.size(); ++i) reading.counts[i] = counts_[i].read();
    reading.sum = std::chrono::nanoseconds{static_cast<std::chrono::nanoseconds::rep>(sum_ns_.read())};
    return reading;
  }

 private:
  std::array<Counter, bounds.size() + 1> counts_;
  Counter sum_ns_;
};

}  // namespace roktcached
