#pragma once

#include <bitset>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "core/rokt/time_zone.h"
#include "core/time.h"

namespace roktcached::simulator {

inline constexpr int accounts = 999;
inline constexpr int campaigns = 12;
inline constexpr int creatives = 6;
inline constexpr int audiences = 4;

/// Whose facts are meant; 0: all of them.
struct Scope {
  int account = 1;
  int campaign = 0;
  int creative = 0;
};

/// One advertising cell: the finest thing that has numbers.
struct Cell {
  int account;
  int campaign;
  int creative;
  int audience;
};

/// The events of one cell in one hour, or of many of them together: everything here adds up. Money in
/// millionths of a unit of the requested currency.
struct Facts {
  std::int64_t gross_cost_micro = 0;
  std::int64_t net_cost_micro = 0;
  std::int64_t revenue_micro = 0;
  std::int64_t impressions = 0;
  std::int64_t referrals = 0;
  std::int64_t acquisitions_by_conversion_date = 0;
  std::int64_t acquisitions_by_referral_date = 0;
  std::int64_t transactions = 0;
  std::int64_t placement_impressions = 0;
  std::int64_t positive_placement_engagements = 0;
  std::int64_t purchases = 0;
  std::uint64_t campaigns_seen = 0;  ///< a bit each: what counts of distinct things are made from
  std::bitset<(campaigns + 1) * (creatives + 1)> creatives_seen;
  std::uint64_t audiences_seen = 0;
  std::uint64_t countries_seen = 0;

  Facts& operator+=(const Facts& other);
};

/// Hours `[first, last)` since the Unix epoch.
struct Hours {
  std::int64_t first;
  std::int64_t last;
};

/// The simulated facts: a pure function of seed, cell and hour, so that every report of them fits every other
/// one. An hour's facts exist once the hour has passed; acquisitions by referral date go on growing for 30
/// days after it.
class World {
 public:
  explicit World(std::uint64_t seed) : seed_(seed) {}

  /// @param now       the data's clock
  /// @param currency  one of the API's ten, at a fixed rate; any other counts as USD
  [[nodiscard]] Facts facts(const Cell& cell, std::int64_t hour, WallTime now,
                            std::string_view currency) const;

  /// Names the group of a cell's hour.
  using Grouping = std::function<std::string(const Cell& cell, std::int64_t hour)>;
  /// Sums the facts of a scope by group; a group without any hour is not there.
  [[nodiscard]] std::map<std::string, Facts> sum(const Scope& scope, const Hours& hours, WallTime now,
                                                 std::string_view currency, const Grouping& group) const;

 private:
  std::uint64_t seed_;
};

/// The grouping that a `groupby` value names ("campaign", "country", "age", ...); every cell and hour is in
/// one group of each.
[[nodiscard]] World::Grouping grouping_of(std::string_view groupby);

[[nodiscard]] std::string country_of(int campaign, int audience);

/// A well-mixed number from several (SplitMix64's finaliser).
[[nodiscard]] std::uint64_t mix(std::uint64_t value);

}  // namespace roktcached::simulator
