#include "server/simulator/world.h"

#include <algorithm>
#include <array>

namespace roktcached::simulator {

namespace {

constexpr std::int64_t attribution_hours = 30 * 24;
constexpr std::array<std::string_view, 4> countries = {"US", "AU", "GB", "DE"};

struct Rate {
  std::string_view currency;
  std::int64_t per_usd_micro;
};
constexpr std::array<Rate, 10> rates = {{{"AUD", 1'500'000},
                                         {"CAD", 1'350'000},
                                         {"EUR", 920'000},
                                         {"GBP", 790'000},
                                         {"JPY", 150'000'000},
                                         {"NZD", 1'650'000},
                                         {"SGD", 1'340'000},
                                         {"USD", 1'000'000},
                                         {"KRW", 1'330'000'000},
                                         {"CNY", 7'200'000}}};

std::int64_t rate_of(std::string_view currency) {
  const auto found = std::ranges::find(rates, currency, &Rate::currency);
  return found == rates.end() ? 1'000'000 : found->per_usd_micro;
}

std::uint64_t cell_number(const Cell& cell) {
  return ((static_cast<std::uint64_t>(cell.account) * campaigns + static_cast<std::uint64_t>(cell.campaign)) *
              creatives +
          static_cast<std::uint64_t>(cell.creative)) *
             audiences +
         static_cast<std::uint64_t>(cell.audience);
}

/// A few bits of `bits`, as a number below `bound`; takes them away.
std::int64_t draw(std::uint64_t& bits, std::uint64_t bound) {
  const auto value = static_cast<std::int64_t>(bits % bound);
  bits /= bound;
  return value;
}

/// Spreads hours over the names of a dimension that no id stands for.
World::Grouping spread_over(std::vector<std::string> names, std::uint64_t salt) {
  return [names = std::move(names), salt](const Cell& cell, std::int64_t hour) {
    return names[mix(cell_number(cell) * 31 + static_cast<std::uint64_t>(hour) + (salt << 48)) %
                 names.size()];
  };
}

}  // namespace

std::uint64_t mix(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15ULL;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

Facts& Facts::operator+=(const Facts& other) {
  gross_cost_micro += other.gross_cost_micro;
  net_cost_micro += other.net_cost_micro;
  revenue_micro += other.revenue_micro;
  impressions += other.impressions;
  referrals += other.referrals;
  acquisitions_by_conversion_date += other.acquisitions_by_conversion_date;
  acquisitions_by_referral_date += other.acquisitions_by_referral_date;
  transactions += other.transactions;
  placement_impressions += other.placement_impressions;
  positive_placement_engagements += other.positive_placement_engagements;
  purchases += other.purchases;
  campaigns_seen |= other.campaigns_seen;
  creatives_seen |= other.creatives_seen;
  audiences_seen |= other.audiences_seen;
  countries_seen |= other.countries_seen;
  return *this;
}

std::string country_of(int campaign, int audience) {
  return std::string(countries[static_cast<std::size_t>(campaign + audience % 2) % countries.size()]);
}

Facts World::facts(const Cell& cell, std::int64_t hour, WallTime now, std::string_view currency) const {
  const std::int64_t age_hours =
      std::chrono::floor<std::chrono::hours>(now).time_since_epoch().count() - hour - 1;
  if (age_hours < 0) return {};
  std::uint64_t bits = mix(mix(seed_ ^ (cell_number(cell) << 20)) + static_cast<std::uint64_t>(hour));
  Facts facts;
  facts.placement_impressions = 5 + draw(bits, 40);
  facts.impressions = facts.placement_impressions - draw(bits, 5);
  facts.referrals = draw(bits, 6);
  facts.transactions = facts.placement_impressions + draw(bits, 9);
  facts.positive_placement_engagements = facts.referrals + draw(bits, 3);
  facts.purchases = draw(bits, 3);
  facts.acquisitions_by_conversion_date = draw(bits, 4);
  const std::int64_t late = draw(bits, 5);
  facts.acquisitions_by_referral_date =
      draw(bits, 3) + late * std::min(age_hours, attribution_hours) / attribution_hours;
  const std::int64_t rate = rate_of(currency);
  facts.gross_cost_micro = facts.referrals * (500'000 + draw(bits, 1000) * 1000) / 1000 * rate / 1000;
  facts.net_cost_micro = facts.gross_cost_micro / 10 * 9;
  facts.revenue_micro = facts.referrals * (300'000 + draw(bits, 1000) * 500) / 1000 * rate / 1000;
  facts.campaigns_seen = std::uint64_t{1} << cell.campaign;
  facts.creatives_seen.set(static_cast<std::size_t>(cell.campaign * creatives + cell.creative));
  facts.audiences_seen = std::uint64_t{1} << (cell.campaign * audiences + cell.audience);
  facts.countries_seen = std::uint64_t{1}
                         << (static_cast<std::size_t>(cell.campaign + cell.audience % 2) % countries.size());
  return facts;
}

std::map<std::string, Facts> World::sum(const Scope& scope, const Hours& hours, WallTime now,
                                        std::string_view currency, const Grouping& group) const {
  std::map<std::string, Facts> sums;
  const std::int64_t current = std::chrono::floor<std::chrono::hours>(now).time_since_epoch().count();
  const std::int64_t last = std::min(hours.last, current);
  const auto from = [](int wanted) { return wanted == 0 ? 1 : wanted; };
  const auto to = [](int wanted, int all) { return wanted == 0 ? all : wanted; };
  for (int campaign = from(scope.campaign); campaign <= to(scope.campaign, campaigns); ++campaign) {
    for (int creative = from(scope.creative); creative <= to(scope.creative, creatives); ++creative) {
      for (int audience = 1; audience <= audiences; ++audience) {
        const Cell cell{scope.account, campaign, creative, audience};
        std::string name;
        Facts* into = nullptr;
        for (std::int64_t hour = hours.first; hour < last; ++hour) {
          std::string next = group(cell, hour);
          if (into == nullptr || next != name) {
            name = std::move(next);
            into = &sums[name];
          }
          *into += facts(cell, hour, now, currency);
        }
      }
    }
  }
  return sums;
}

World::Grouping grouping_of(std::string_view groupby) {
  if (groupby == "campaign")
    return [](const Cell& cell, std::int64_t) { return std::to_string(cell.campaign); };
  if (groupby == "creative")
    return [](const Cell& cell, std::int64_t) { return std::to_string(cell.creative); };
  if (groupby == "audience")
    return [](const Cell& cell, std::int64_t) { return std::to_string(cell.audience); };
  if (groupby == "country")
    return [](const Cell& cell, std::int64_t) { return country_of(cell.campaign, cell.audience); };
  if (groupby == "age") return spread_over({"18-24", "25-34", "35-44", "45-54", "55+"}, 1);
  if (groupby == "gender") return spread_over({"female", "male", "unknown"}, 2);
  if (groupby == "page") return spread_over({"confirmation", "checkout"}, 3);
  if (groupby == "pagetype") return spread_over({"purchase", "booking"}, 4);
  if (groupby == "placement") return spread_over({"overlay", "embedded"}, 5);
  if (groupby == "position") return spread_over({"1", "2", "3"}, 6);
  if (groupby == "brand") return spread_over({"brand-a", "brand-b"}, 7);
  if (groupby == "subvertical") return spread_over({"apparel", "travel", "finance"}, 8);
  if (groupby == "partner-source") return spread_over({"web", "app"}, 9);
  return [](const Cell&, std::int64_t) { return std::string(); };
}

}  // namespace roktcached::simulator
