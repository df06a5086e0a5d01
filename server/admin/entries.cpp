#include "server/admin/entries.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <optional>

#include "core/http/target.h"

namespace roktcached::admin {

namespace json = boost::json;

namespace {

constexpr std::size_t most_entries = 1000;

Error refused(std::string what, std::string_view accepted) {
  return {.code = ErrorCode::invalid_request,
          .source = ErrorSource::inbound,
          .retryable = false,
          .context = what.append(": accepted: ").append(accepted)};
}

Error refused(const http::QueryParameter& parameter, std::string_view accepted) {
  std::string what(parameter.name);
  if (parameter.has_value) what.append(" = \"").append(parameter.value).append("\"");
  return refused(std::move(what), accepted);
}

std::optional<std::size_t> parse_limit(std::string_view text) {
  std::size_t limit = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && limit >= 1 && limit <= most_entries ? std::optional(limit) : std::nullopt;
}

json::value time_or_null(const std::optional<WallTime>& time) {
  return time ? json::value(unix_ms(*time)) : json::value(nullptr);
}

json::value state_of(const storage::EntrySummary& entry, const caching::FreshnessPolicies& policies) {
  if (!entry.range_end) return nullptr;
  const caching::FreshnessPolicy& policy = policies.policy_for(entry.route, entry.account_id);
  return json::string(caching::to_string(
      caching::report_state(*entry.range_end, entry.fetched_at, policy.restatement_window)));
}

json::value restated_json(const caching::Restated* restated) {
  if (restated == nullptr) return nullptr;
  boost::system::error_code error;
  json::value moved = json::parse(restated->moved, error);
  if (error) moved = json::array();
  return {{"times", restated->times}, {"at_unix_ms", unix_ms(restated->at)}, {"moved", std::move(moved)}};
}

}  // namespace

Result<storage::Listing> parse_listing(std::string_view query) {
  constexpr std::string_view names = "restated, route, account, campaign, limit; each once";
  storage::Listing listing;
  std::optional<std::string> route;
  std::optional<std::string> account;
  std::optional<std::string> campaign;
  std::optional<std::size_t> limit;
  for (const auto& parameter : http::parse_query(query)) {
    if (parameter.name == "restated") {
      if (parameter.has_value || listing.restated_only)
        return refused(parameter, "restated, without a value, once");
      listing.restated_only = true;
    } else if (parameter.name == "limit") {
      const auto number = limit ? std::nullopt : parse_limit(parameter.value);
      if (!number) return refused(parameter, "a whole number from 1 to 1000, once");
      limit = number;
    } else {
      std::optional<std::string>* const text = parameter.name == "route"      ? &route
                                               : parameter.name == "account"  ? &account
                                               : parameter.name == "campaign" ? &campaign
                                                                              : nullptr;
      if (text == nullptr) return refused(parameter, names);
      if (*text || parameter.value.empty()) return refused(parameter, "a text, once");
      *text = parameter.value;
    }
  }
  if (campaign && !account) return refused("campaign = \"" + *campaign + "\"", "together with account");
  if (route && account) return refused("route = \"" + *route + "\"", "route, or account, not both");
  if (route) listing.selection = caching::OfRoute{*route};
  if (account) listing.selection = caching::OfAccount{*account, campaign};
  if (limit) listing.limit = *limit;
  return listing;
}

std::string to_json(const std::vector<storage::EntrySummary>& entries,
                    const caching::FreshnessPolicies& policies, WallTime now) {
  json::array list;
  for (const auto& entry : entries) {
    list.push_back(json::object{{"key", caching::to_hex(entry.key.hash())},
                                {"key_text", entry.key.text()},
                                {"route", entry.route},
                                {"account", entry.account_id},
                                {"campaign", entry.campaign_id},
                                {"status", entry.status},
                                {"bytes", entry.body_bytes},
                                {"state", state_of(entry, policies)},
                                {"fresh", now < entry.fresh_until},
                                {"range_end_unix_ms", time_or_null(entry.range_end)},
                                {"fetched_at_unix_ms", unix_ms(entry.fetched_at)},
                                {"fresh_until_unix_ms", unix_ms(entry.fresh_until)},
                                {"usable_until_unix_ms", unix_ms(entry.usable_until)},
                                {"steady_refreshes", entry.steady_refreshes},
                                {"restated", restated_json(entry.restated.get())}});
  }
  return json::serialize(json::object{{"entries", std::move(list)}});
}

}  // namespace roktcached::admin
