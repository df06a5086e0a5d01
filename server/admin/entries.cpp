#include "server/admin/entries.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <optional>

#include "core/http/target.h"
#include "core/number.h"
#include "server/access/presented.h"
#include "server/admin/or_null.h"

namespace roktcached::admin {

namespace json = boost::json;

namespace {

constexpr std::size_t most_entries = 1000;

Error refused(std::string what, std::string_view accepted) {
  return {.code = ErrorCode::invalid_request, .context = what.append(": accepted: ").append(accepted)};
}

Error refused(const http::QueryParameter& parameter, std::string_view accepted) {
  std::string what(parameter.name);
  if (parameter.has_value) what.append(" = \"").append(parameter.value).append("\"");
  return refused(std::move(what), accepted);
}

std::optional<std::size_t> parse_limit(std::string_view text) {
  const auto limit = parse_number<std::size_t>(text);
  return limit && *limit >= 1 && *limit <= most_entries ? limit : std::nullopt;
}

json::value state_of(const storage::EntrySummary& entry, const caching::FreshnessPolicies& policies) {
  if (!entry.range_end) return nullptr;
  const caching::FreshnessPolicy& policy = policies.policy_for(entry.route, entry.account_id);
  return json::string(caching::to_string(
      caching::report_state(*entry.range_end, entry.fetched_at, policy.restatement_window)));
}

/// Reads the value of a parameter that selects.
Result<caching::Selection> selection_of(const http::QueryParameter& parameter) {
  if (parameter.name == "route") return caching::Selection(caching::OfRoute{std::string(parameter.value)});
  if (parameter.name == "account")
    return caching::Selection(caching::OfAccount{std::string(parameter.value), std::nullopt});
  if (parameter.name == "key") {
    const auto hash = caching::key_hash_of_hex(parameter.value);
    if (!hash) return refused(parameter, "32 hex digits");
    return caching::Selection(caching::WithKey{*hash});
  }
  std::string target(parameter.value);
  if (const auto key = access::take_api_key(target); !key) return key.error();
  const auto selection = caching::with_target(target);
  if (!selection) return selection.error();
  return caching::Selection(*selection);
}

bool selects(std::string_view name) {
  return name == "route" || name == "account" || name == "key" || name == "target";
}

/// @param accepted  by the path
Result<EntriesQuery> parse(std::string_view query, std::string_view accepted) {
  EntriesQuery wanted;
  storage::Listing& listing = wanted.listing;
  std::string selected_by;
  std::optional<std::string> campaign;
  std::optional<std::size_t> limit;
  for (const auto& parameter : http::parse_query(query)) {
    if (parameter.name == "restated") {
      if (parameter.has_value || listing.restated_only)
        return refused(parameter, "restated, without a value, once");
      listing.restated_only = true;
    } else if (parameter.name == "hottest") {
      if (parameter.has_value || wanted.hottest) return refused(parameter, "hottest, without a value, once");
      wanted.hottest = true;
    } else if (parameter.name == "limit") {
      const auto number = limit ? std::nullopt : parse_limit(parameter.value);
      if (!number) return refused(parameter, "a whole number from 1 to 1000, once");
      limit = number;
    } else if (parameter.name == "campaign") {
      if (campaign || parameter.value.empty()) return refused(parameter, "a text, once");
      campaign = parameter.value;
    } else if (selects(parameter.name)) {
      if (parameter.value.empty()) return refused(parameter, "a text, once");
      if (!selected_by.empty())
        return refused(parameter, "one of route, account, key and target, not both it and " + selected_by);
      auto selection = selection_of(parameter);
      if (!selection) return selection.error();
      listing.selection = std::move(*selection);
      selected_by = parameter.name;
    } else {
      return refused(parameter, accepted);
    }
  }
  if (wanted.hottest && (listing.restated_only || campaign || !selected_by.empty()))
    return refused("hottest", "alone, or with limit");
  if (campaign) {
    auto* const account = std::get_if<caching::OfAccount>(&listing.selection);
    if (account == nullptr) return refused("campaign = \"" + *campaign + "\"", "together with account");
    account->campaign_id = std::move(campaign);
  }
  if (limit) listing.limit = *limit;
  return wanted;
}

}  // namespace

Result<storage::Listing> parse_listing(std::string_view query) {
  static constexpr std::string_view accepted =
      "restated, limit, campaign, and one of route, account, key and target; each once";
  const auto wanted = parse(query, accepted);
  if (!wanted) return wanted.error();
  if (wanted->hottest) return refused("hottest", accepted);
  return wanted->listing;
}

Result<EntriesQuery> parse_entries(std::string_view query) {
  return parse(query,
               "restated, limit, campaign, and one of route, account, key and target; each once; or hottest");
}

json::object restated_json(const caching::Restated& restated) {
  boost::system::error_code error;
  json::value moved = json::parse(restated.moved, error);
  if (error) moved = json::array();
  return {{"times", restated.times}, {"at_unix_ms", unix_ms(restated.at)}, {"moved", std::move(moved)}};
}

json::object entry_json(const storage::EntrySummary& entry, const caching::FreshnessPolicies& policies,
                        WallTime now) {
  return {{"key", caching::to_hex(entry.key.hash())},
          {"key_text", entry.key.text()},
          {"target", caching::target_of(entry.key)},
          {"route", entry.route},
          {"account", entry.account_id},
          {"campaign", entry.campaign_id},
          {"status", entry.status},
          {"bytes", entry.body_bytes},
          {"state", state_of(entry, policies)},
          {"fresh", now < entry.fresh_until},
          {"range_end_unix_ms", or_null(entry.range_end)},
          {"fetched_at_unix_ms", unix_ms(entry.fetched_at)},
          {"fresh_until_unix_ms", unix_ms(entry.fresh_until)},
          {"usable_until_unix_ms", unix_ms(entry.usable_until)},
          {"steady_refreshes", entry.steady_refreshes},
          {"restated", entry.restated ? json::value(restated_json(*entry.restated)) : json::value(nullptr)}};
}

}  // namespace roktcached::admin
