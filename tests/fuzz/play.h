#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/caching/decision.h"
#include "core/http/cache_status.h"
#include "core/time.h"

namespace roktcached::fuzz {

/// Chance, the same on every machine for one seed: the standard distributions are not.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  [[nodiscard]] std::int64_t between(std::int64_t least, std::int64_t most) {
    const auto span = static_cast<std::uint64_t>(most - least) + 1;
    return least + static_cast<std::int64_t>(engine_() % span);
  }
  [[nodiscard]] bool percent(double share) {
    return between(0, 9999) < static_cast<std::int64_t>(share * 100);
  }
  [[nodiscard]] std::size_t index(std::size_t size) {
    return static_cast<std::size_t>(between(0, static_cast<std::int64_t>(size) - 1));
  }
  template <class T>
  [[nodiscard]] T one_of(std::initializer_list<T> list) {
    return *(list.begin() + index(list.size()));
  }

 private:
  std::mt19937_64 engine_;
};

/// A wall clock that nobody can rely on: it stands still, goes, skips, and is set back or ahead.
class PlayedClock {
 public:
  [[nodiscard]] WallTime now() const { return now_; }

  /// The time between two requests: from nothing to days.
  void pass(Random& random) {
    const std::int64_t kind = random.between(0, 99);
    if (kind < 12) return;
    if (kind < 40) return go(random.between(1, 1000));
    if (kind < 75) return go(random.between(1, 60'000));
    if (kind < 92) return go(random.between(1, 3'600'000));
    if (kind < 99) return go(random.between(1, day_ms));
    go(random.between(1, 10 * day_ms));
  }
  /// The time that an upstream takes, a millisecond at least, in which the clock may be set too.
  void wait(Random& random) {
    if (random.percent(0.5)) return set(random);
    if (random.percent(20)) return go(1);
    go(random.percent(90) ? random.between(1, 2000) : random.between(1, 60'000));
  }
  /// To one of the moments at which a verdict changes, give or take a millisecond, where it is not far.
  void approach(Random& random, const std::vector<WallTime>& moments) {
    if (moments.empty()) return;
    const WallTime moment = moments[random.index(moments.size())];
    const std::int64_t away = (moment - now_).count() + random.between(-2, 1);
    if (away > -day_ms && away < 10 * day_ms) go(away);
  }
  /// Back or ahead by up to a day.
  void set(Random& random) { go(random.between(-day_ms, day_ms)); }

 private:
  static constexpr std::int64_t day_ms = 86'400'000;
  void go(std::int64_t ms) { now_ += std::chrono::milliseconds{ms}; }

  WallTime now_ = wall_time_from_unix_ms(1'790'000'000'123);
};

/// How often each kind of verdict has been reached.
using Tally = std::map<std::string_view, std::uint64_t>;

/// The last steps with one key, for people who look into a difference.
class Trace {
 public:
  void add(const std::string& key, std::string line) {
    auto& lines = lines_[key];
    lines.push_back(std::move(line));
    if (lines.size() > 20) lines.pop_front();
  }
  [[nodiscard]] const std::deque<std::string>& of(const std::string& key) { return lines_[key]; }

 private:
  std::unordered_map<std::string, std::deque<std::string>> lines_;
};

[[nodiscard]] inline std::string to_string(const caching::Decision& decision) {
  static constexpr std::array<const char*, 4> actions = {"use", "use and refresh", "fetch", "refuse"};
  const std::string reason(http::to_string(decision.reason));
  return actions.at(static_cast<std::size_t>(decision.action)) + (reason.empty() ? "" : " (" + reason + ")");
}

/// Where code and model part.
struct Difference {
  std::string key;
  std::string code;
  std::string model;
};

}  // namespace roktcached::fuzz
