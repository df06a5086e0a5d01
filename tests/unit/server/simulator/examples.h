#pragma once

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "server/simulator/reports.h"

/// Shared by the tests of the simulated reports: a clock that stands still, targets, and readers of the
/// answers.
namespace roktcached::simulator::examples {

/// 2026-03-15T12:30:00Z.
inline constexpr WallTime noon_in_march{std::chrono::sys_days{std::chrono::year{2026} / 3 / 15} +
                                        std::chrono::hours{12} + std::chrono::minutes{30}};

/// A report's query without what comes in front of dateStart.
struct Range {
  std::string start = "2026-01-05";
  std::string end = "2026-01-07";
  std::string currency = "USD";
  std::string zone = "America/Chicago";
};

inline std::string report_target(const std::string& path, const Range& range = {},
                                 const std::string& groupby = "") {
  return "/reporting/accounts/7/" + path + "?dateStart=" + range.start + "&dateEnd=" + range.end +
         "&currency=" + range.currency + "&timeZoneVariation=" + range.zone +
         (groupby.empty() ? "" : "&groupby=" + groupby);
}

/// The parsed answer to `target`, which has to be a 200.
inline boost::json::object json_of(const std::string& target, WallTime now = noon_in_march,
                                   std::uint64_t seed = 1) {
  const Reply reply = answer(World(seed), target, now);
  EXPECT_EQ(reply.status, 200U) << target << ": " << reply.body;
  return reply.status == 200 ? boost::json::parse(reply.body).as_object() : boost::json::object();
}

inline std::vector<boost::json::object> items_of(const std::string& target, WallTime now = noon_in_march) {
  std::vector<boost::json::object> items;
  const auto body = json_of(target, now);
  if (body.contains("items")) {
    for (const auto& item : body.at("items").as_array()) items.push_back(item.as_object());
  }
  return items;
}

/// A field in millionths: exact for money, and for counts as long as only sums and equality are asked for.
inline std::int64_t micro(const boost::json::object& object, std::string_view field) {
  return std::llround(object.at(field).to_number<double>() * 1e6);
}

inline std::int64_t micro_sum(const std::vector<boost::json::object>& rows, std::string_view field) {
  std::int64_t sum = 0;
  for (const auto& row : rows) sum += micro(row, field);
  return sum;
}

inline std::vector<std::string> names_of(const boost::json::object& object) {
  std::vector<std::string> names;
  for (const auto& field : object) names.emplace_back(field.key());
  return names;
}

inline std::vector<std::string> texts_of(const std::vector<boost::json::object>& rows,
                                         std::string_view field) {
  std::vector<std::string> texts;
  for (const auto& row : rows) texts.emplace_back(row.at(field).as_string());
  return texts;
}

/// The fields that add up in the campaign reports, and in the transaction reports.
inline const std::vector<std::string> campaign_sums = {"grossCost",
                                                       "netCost",
                                                       "impressions",
                                                       "referrals",
                                                       "acquisitionsByConversionDate",
                                                       "acquisitionsByReferralDate"};
inline const std::vector<std::string> transaction_sums = {
    "revenue",     "transactions", "placementImpressions",
    "impressions", "referrals",    "positivePlacementEngagements",
    "purchases"};

inline void expect_sums(const std::vector<boost::json::object>& rows, const boost::json::object& whole,
                        const std::vector<std::string>& fields) {
  ASSERT_FALSE(rows.empty());
  for (const auto& field : fields) {
    EXPECT_GT(micro(whole, field), 0) << field;
    EXPECT_EQ(micro_sum(rows, field), micro(whole, field)) << field;
  }
}

}  // namespace roktcached::simulator::examples
