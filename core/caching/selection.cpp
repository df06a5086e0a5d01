#include "core/caching/selection.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "core/caching/variants.h"
#include "core/formats/own_parameters.h"
#include "core/http/target.h"
#include "core/rokt/routes.h"

namespace roktcached::caching {

namespace {

struct Matcher {
  const Subject& subject;

  bool operator()(const Everything&) const { return true; }
  bool operator()(const WithKey& wanted) const { return subject.key.hash() == wanted.hash; }
  bool operator()(const WithTarget& wanted) const {
    const std::string_view target = target_of(subject.key);
    return target == wanted.canonical || target == wanted.as_sent;
  }
  bool operator()(const OfRoute& wanted) const { return subject.route == wanted.name; }
  bool operator()(const OfAccount& wanted) const {
    return subject.account_id == wanted.account_id &&
           (!wanted.campaign_id || subject.campaign_id == *wanted.campaign_id);
  }
};

/// The path as a key has it. In keys, the path of a query has only one spelling of its last slash.
std::string path_in_key(std::string_view path) {
  static const rokt::RouteTable built_in(rokt::rokt_routes());
  const auto match = built_in.match("POST", path);
  return match ? rokt::upstream_path(*match->route, path) : std::string(path);
}

}  // namespace

Result<WithTarget> with_target(std::string_view target) {
  const auto parsed = http::parse_target(target);
  if (!parsed) return parsed.error();
  std::string decoded;
  const std::string_view path = http::decode_unreserved(parsed->path, decoded);
  const auto query = http::parse_query(parsed->query);
  const auto own = formats::read_own_parameters(query);  // they are in no key
  if (!own) return own.error();
  if (!own->dates.empty())
    return Error{ErrorCode::invalid_request, false,
                 "roktcached-dates: stands for other dates every day; accepted: dateStart and dateEnd"};
  std::vector<http::QueryParameter> parameters;
  std::ranges::remove_copy_if(query, std::back_inserter(parameters), formats::is_own,
                              &http::QueryParameter::name);
  return WithTarget{canonical_target(path_in_key(path), parameters), std::string(target)};
}

std::string_view name_of(const Selection& selection) {
  static constexpr std::array<std::string_view, std::variant_size_v<Selection>> names = {
      "all", "key", "target", "route", "account"};
  return names.at(selection.index());
}

Subject subject_of(const StoredResponse& response) {
  return {response.key, response.route, response.account_id, response.campaign_id};
}

bool is_note(const Key& key) {
  return target_of(key).starts_with(note_mark);
}

bool matches(const Selection& selection, const Subject& subject) {
  if (is_note(subject.key) && !std::holds_alternative<WithKey>(selection)) return false;
  return std::visit(Matcher{subject}, selection);
}

StoredResponse made_stale(StoredResponse response, WallTime at) {
  if (VariantIndex::is_index(response)) return response;
  const bool never_stale = response.usable_until <= response.fresh_until;
  response.fresh_until = std::min(response.fresh_until, at);
  if (never_stale) response.usable_until = response.fresh_until;
  return response;
}

}  // namespace roktcached::caching
