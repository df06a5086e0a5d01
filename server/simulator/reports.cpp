#include "server/simulator/reports.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <optional>
#include <span>

#include "core/http/target.h"
#include "core/number.h"
#include "core/rokt/date_range.h"
#include "core/rokt/parameters.h"
#include "server/simulator/json_object.h"
#include "server/simulator/local_hours.h"

namespace roktcached::simulator {

namespace {

/// One request, understood.
struct Query {
  std::string_view route;
  Scope scope;
  int audience = 0;
  rokt::TimeZone zone;
  Hours hours;
  std::string currency;
  std::string groupby;
};

std::int64_t creatives_of(const Facts& facts) {
  return static_cast<std::int64_t>(facts.creatives_seen.count());
}

std::string campaign_name(int campaign) {
  return fmt::format("Campaign {}", campaign);
}
std::string creative_name(int creative) {
  return fmt::format("Creative {}", creative);
}

void distinct(Object& object, const Facts& facts) {
  object.number("campaigns", std::popcount(facts.campaigns_seen))
      .number("creatives", creatives_of(facts))
      .number("audiences", std::popcount(facts.audiences_seen))
      .number("campaignCountries", std::popcount(facts.countries_seen));
}

Object& costs(Object& object, const Facts& facts) {
  return object.money("grossCost", facts.gross_cost_micro)
      .money("netCost", facts.net_cost_micro)
      .number("impressions", facts.impressions);
}

Object& acquisitions(Object& object, const Facts& facts) {
  return object.number("acquisitionsByConversionDate", facts.acquisitions_by_conversion_date)
      .number("acquisitionsByReferralDate", facts.acquisitions_by_referral_date);
}

void campaign_fields(Object& object, const Facts& facts) {
  costs(object, facts).number("referrals", facts.referrals);
  acquisitions(object, facts);
  distinct(object, facts);
}

void account_campaign_fields(Object& object, const Facts& facts) {
  costs(object, facts)
      .number("referrals", facts.referrals)
      .number("campaignCountries", std::popcount(facts.countries_seen))
      .number("campaigns", std::popcount(facts.campaigns_seen));
  acquisitions(object, facts)
      .number("creatives", creatives_of(facts))
      .number("Audiences", std::popcount(facts.audiences_seen));  // spelled like this on the API's page
}

std::int64_t unique_referrals(const Facts& facts) {
  return facts.referrals - facts.referrals / 7;
}

void creative_fields(Object& object, const Facts& facts) {
  costs(object, facts)
      .number("referrals", facts.referrals)
      .number("uniqueReferrals", unique_referrals(facts));
  acquisitions(object, facts)
      .number("creatives", creatives_of(facts))
      .number("audiences", std::popcount(facts.audiences_seen));
}

void creative_row_fields(Object& object, const Facts& facts) {
  costs(object, facts)
      .number("uniqueReferrals", unique_referrals(facts))
      .number("referrals", facts.referrals);
  acquisitions(object, facts)
      .number("creatives", creatives_of(facts))
      .number("audiences", std::popcount(facts.audiences_seen));
}

void transaction_fields(Object& object, const Facts& facts) {
  object.money("revenue", facts.revenue_micro)
      .number("transactions", facts.transactions)
      .number("placementImpressions", facts.placement_impressions)
      .number("impressions", facts.impressions)
      .number("referrals", facts.referrals)
      .ratio("rpt", facts.revenue_micro, facts.transactions)
      .ratio("rpm", facts.revenue_micro, facts.placement_impressions, 1000)
      .number("positivePlacementEngagements", facts.positive_placement_engagements)
      .number("purchases", facts.purchases);
}

void transaction_row_fields(Object& object, const Facts& facts) {
  object.money("revenue", facts.revenue_micro)
      .number("transactions", facts.transactions)
      .number("placementImpressions", facts.placement_impressions)
      .number("impressions", facts.impressions)
      .number("referrals", facts.referrals)
      .number("purchases", facts.purchases)
      .number("positivePlacementEngagements", facts.positive_placement_engagements)
      .ratio("rpt", facts.revenue_micro, facts.transactions)
      .ratio("rpm", facts.revenue_micro, facts.placement_impressions, 1000);
}

/// A placement knows nothing of its page, as the API's page says: no transactions, purchases or RPT.
void placement_fields(Object& object, const Facts& facts) {
  object.money("revenue", facts.revenue_micro)
      .number("placementImpressions", facts.placement_impressions)
      .number("impressions", facts.impressions)
      .number("referrals", facts.referrals)
      .number("positivePlacementEngagements", facts.positive_placement_engagements)
      .ratio("rpm", facts.revenue_micro, facts.placement_impressions, 1000);
}

using FieldsOf = void (*)(Object&, const Facts&);

Facts total(const World& world, const Query& query, WallTime now) {
  const auto sums = world.sum(query.scope, query.hours, now, query.currency, grouping_of(""));
  return sums.empty() ? Facts{} : sums.begin()->second;
}

std::string object_of(const Facts& facts, FieldsOf fields) {
  Object object;
  fields(object, facts);
  return object.str();
}

std::string overview(const World& world, const Query& query, WallTime now, FieldsOf fields) {
  return object_of(total(world, query, now), fields);
}

std::string items(const std::map<std::string, Facts>& sums, std::string_view value_name, FieldsOf fields,
                  const std::function<void(Object&, const std::string&)>& finish) {
  std::string list;
  for (const auto& [group, facts] : sums) {
    Object object;
    object.text(value_name, group);
    fields(object, facts);
    finish(object, group);
    list.append(list.empty() ? "" : ",").append(object.str());
  }
  return "{\"items\":[" + list + "]}";
}

std::string breakdown(const World& world, const Query& query, WallTime now, FieldsOf fields,
                      const std::string& usual) {
  const std::string& groupby = query.groupby.empty() ? usual : query.groupby;
  const auto sums = world.sum(query.scope, query.hours, now, query.currency, grouping_of(groupby));
  return items(sums, "groupByValue", fields, [&](Object& object, const std::string& group) {
    int id = 0;
    std::from_chars(group.data(), group.data() + group.size(), id);
    if (query.route == "account-campaigns-breakdown" && groupby == "campaign")
      object.text("campaignName", campaign_name(id));
    if (groupby == "creative") object.text("creativeName", creative_name(id));
  });
}

std::string histogram(const World& world, const Query& query, WallTime now) {
  const std::int64_t current = std::chrono::floor<std::chrono::hours>(now).time_since_epoch().count();
  std::vector<std::string> days;  // of the range's hours: the same for every cell
  for (std::int64_t hour = query.hours.first; hour < std::min(query.hours.last, current); ++hour)
    days.push_back(simulator::day_of(hour, query.zone));
  const auto day_of = [&](const Cell&, std::int64_t hour) {
    return days[static_cast<std::size_t>(hour - query.hours.first)];
  };
  const auto sums = world.sum(query.scope, query.hours, now, query.currency, day_of);
  return items(sums, "intervalTimestamp", campaign_fields, [](Object&, const std::string&) {});
}

std::string summary(const World& world, const Query& query, WallTime now) {
  const Facts facts = total(world, query, now);
  Object object;
  object.raw("campaignsSummary", object_of(facts, campaign_fields));
  object.raw("transactionsSummary", object_of(facts, transaction_fields));
  return object.str();
}

std::string metadata(const Query& query) {
  const int account = query.scope.account;
  const int campaign = query.scope.campaign;
  Object object;
  object.text("accountId", std::to_string(account)).text("campaignId", std::to_string(campaign));
  if (query.route == "campaign-metadata") {
    object.text("campaignName", campaign_name(campaign))
        .text("campaignType", "CPA")
        .text("campaignObjective", "acquisition");
    object.text("countryCode", country_of(campaign, 0))
        .text("status", campaign % 5 == 0 ? "paused" : "active");
  } else if (query.route == "audience-metadata") {
    const int audience = query.audience;
    object.text("audienceId", std::to_string(audience)).text("name", fmt::format("Audience {}", audience));
    object.raw("ageRange", Object().number("min", 18 + audience).number("max", 34 + audience).str());
    object.raw(
        "device",
        Object().boolean("desktop", true).boolean("tablet", audience % 2 == 0).boolean("mobile", true).str());
    object.text("gender", audience % 2 == 0 ? "female" : "all");
  } else {
    const int creative = query.scope.creative;
    object.text("creativeId", std::to_string(creative))
        .text("name", creative_name(creative))
        .text("title", "A title");
    object.text("subtitle", "A subtitle").text("text", fmt::format("The text of creative {}", creative));
    object.raw("responses", R"(["Yes please","No thanks"])").text("status", "active");
  }
  return object.str();
}

/// The number in the path segment behind `name`, within 1..most; 0 if there is no such segment, -1 where
/// it is no such id.
int id_after(std::string_view path, std::string_view name, int most) {
  const auto at = path.find(name);
  if (at == std::string_view::npos) return 0;
  const std::string_view rest = path.substr(at + name.size());
  const std::string_view segment = rest.substr(0, rest.find('/'));
  const int id = parse_number<int>(segment).value_or(-1);
  return id >= 1 && id <= most ? id : -1;
}

std::string_view value_of(std::span<const http::QueryParameter> parameters, std::string_view name) {
  for (const auto& parameter : parameters) {
    if (parameter.name == name) return parameter.value;
  }
  return {};
}

Hours hours_of(std::span<const http::QueryParameter> parameters, const rokt::TimeZone& zone) {
  const auto start = rokt::DateParameter::parse(value_of(parameters, "dateStart"));
  const auto end = rokt::DateParameter::parse(value_of(parameters, "dateEnd"));
  return {hour_of(start->earliest, zone), hour_of(end->latest, zone)};
}

std::string report(const World& world, const Query& query, WallTime now) {
  if (query.route == "account-campaigns-breakdown")
    return breakdown(world, query, now, account_campaign_fields, "campaign");
  if (query.route == "account-summary") return summary(world, query, now);
  if (query.route == "account-transactions-overview") return overview(world, query, now, transaction_fields);
  if (query.route == "account-transactions-breakdown") {
    return breakdown(world, query, now,
                     query.groupby == "placement" ? placement_fields : transaction_row_fields, "page");
  }
  if (query.route == "campaign-overview") return overview(world, query, now, campaign_fields);
  if (query.route == "campaign-breakdown") return breakdown(world, query, now, campaign_fields, "campaign");
  if (query.route == "campaign-histogram") return histogram(world, query, now);
  if (query.route == "creative-overview") return overview(world, query, now, creative_fields);
  return breakdown(world, query, now, creative_row_fields, "audience");
}

}  // namespace

Reply error_reply(unsigned status, const std::string& message) {
  return {status, Object().number("status", status).text("message", message).str()};
}

Reply answer(const World& world, const std::string& target_text, WallTime now) {
  static const rokt::RouteTable routes(rokt::rokt_routes());
  const auto target = http::parse_target(target_text);
  if (!target) return error_reply(400, "bad target");
  const auto match = routes.match("GET", target->path);
  if (!match) return error_reply(404, "not found");
  const bool is_metadata = match->route->route_class == rokt::RouteClass::metadata;
  Query query{.route = match->route->name,
              .scope = {},
              .zone = *rokt::TimeZone::find("UTC"),
              .hours = {},
              .currency = {},
              .groupby = {}};
  query.scope.account = id_after(target->path, "/accounts/", accounts);
  const bool account_route = match->campaign_id.empty();
  query.scope.campaign = account_route ? 0 : id_after(target->path, "/campaigns/", campaigns);
  query.scope.creative = id_after(target->path, "/creatives/", creatives);
  query.audience = id_after(target->path, "/audiences/", audiences);
  if (query.scope.account < 0) return error_reply(403, "this account is not yours");
  if (query.scope.campaign < 0 || query.scope.creative < 0 || query.audience < 0)
    return error_reply(404, "no such id");
  if (is_metadata) return {200, metadata(query)};

  const auto parameters = http::parse_query(target->query);
  if (!rokt::check_parameters(*match->route, parameters, {})) return error_reply(400, "bad parameters");
  query.zone = *rokt::TimeZone::find(value_of(parameters, "timeZoneVariation"));
  query.hours = hours_of(parameters, query.zone);
  query.currency = value_of(parameters, "currency");
  query.groupby = value_of(parameters, "groupby");
  if (query.hours.last - query.hours.first > longest_range_hours)
    return error_reply(400, "a range is at most ten years");
  return {200, report(world, query, now)};
}

}  // namespace roktcached::simulator
