#include "core/caching/http_rules.h"

#include <algorithm>
#include <array>

#include "core/http/date.h"

namespace roktcached::caching {

using http::Fields;
using http::Forward;
using http::RequestDirectives;
using http::ResponseDirectives;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr milliseconds longest_heuristic = std::chrono::days{1};

std::optional<WallTime> date_in(const Fields& fields, std::string_view name, WallTime now) {
  if (fields.count(name) != 1) return std::nullopt;
  return http::parse_date(http::trimmed(*fields.find(name)), now);
}

/// Expires is never a list; what does not parse has passed (RFC 9111, section 5.3).
milliseconds lifetime_by_expires(const Fields& response, WallTime made_at, WallTime received_at) {
  const auto expires = date_in(response, "Expires", received_at);
  return expires ? std::max(*expires - made_at, milliseconds{0}) : milliseconds{0};
}

bool forbids_stale(const ResponseDirectives& directives) {
  return directives.no_cache || directives.must_revalidate || directives.proxy_revalidate ||
         directives.s_maxage.has_value();
}

bool within(std::optional<seconds> span, milliseconds stale_for) {
  return span && (*span == seconds::max() || stale_for <= *span);
}

/// Whether a field belongs to the stored bytes, so that it stays as it is when the stored response is brought
/// up to date.
bool belongs_to_content(std::string_view name) {
  static constexpr std::array<std::string_view, 7> names = {
      "Content-Encoding", "Content-Range", "Content-MD5",   "Content-Digest",
      "Repr-Digest",      "ETag",          "Content-Length"};
  return std::ranges::any_of(names, [name](auto known) { return http::equal_ignoring_case(name, known); });
}

}  // namespace

bool is_heuristically_cacheable(unsigned status) {
  static constexpr std::array<unsigned, 12> statuses = {200, 203, 204, 206, 300, 301,
                                                        308, 404, 405, 410, 414, 501};
  return std::ranges::find(statuses, status) != statuses.end();
}

std::optional<seconds> age_value(const Fields& response) {
  const std::string value = response.combined("Age");
  const auto members = http::list_members(value);
  return members.empty() ? std::nullopt : http::delta_seconds(members.front());
}

milliseconds initial_age(const Fields& response, WallTime sent_at, WallTime received_at) {
  const auto date = date_in(response, "Date", received_at);
  const milliseconds apparent = date ? std::max(received_at - *date, milliseconds{0}) : milliseconds{0};
  const milliseconds delay = std::max(received_at - sent_at, milliseconds{0});
  return std::max(apparent, age_value(response).value_or(seconds{0}) + delay);
}

milliseconds freshness_lifetime(unsigned status, const Fields& response, const ResponseDirectives& directives,
                                WallTime received_at) {
  if (directives.s_maxage) return *directives.s_maxage;
  if (directives.max_age) return *directives.max_age;
  const WallTime made_at = date_in(response, "Date", received_at).value_or(received_at);
  if (!directives.targeted && response.contains("Expires"))
    return lifetime_by_expires(response, made_at, received_at);
  const auto modified = date_in(response, "Last-Modified", received_at);
  if (!modified || (!is_heuristically_cacheable(status) && !directives.public_)) return milliseconds{0};
  return std::clamp((made_at - *modified) / 10, milliseconds{0}, longest_heuristic);
}

Decision decide_http(const StoredResponse* stored, const RequestDirectives& request, WallTime now) {
  const auto decide = [&]() -> Decision {
    if (stored == nullptr || now >= stored->usable_until) return {Action::fetch, Forward::miss};
    if (request.no_cache) return {Action::fetch, Forward::request};
    if (request.max_age && now - stored->fetched_at > *request.max_age) {
      const bool tolerated = within(request.max_stale, now - stored->fetched_at - *request.max_age);
      if (!tolerated) return {Action::fetch, Forward::request};
    }
    if (is_fresh(*stored, now)) {
      const bool long_enough = !request.min_fresh || stored->fresh_until - now >= *request.min_fresh;
      return long_enough ? Decision{Action::use, Forward::none} : Decision{Action::fetch, Forward::request};
    }
    const auto directives = http::parse_response_directives(Fields::from_lines(stored->head));
    const bool measurable = stored->fetched_at <= now + clock_tolerance;
    if (!measurable || forbids_stale(directives) || request.min_fresh) return {Action::fetch, Forward::stale};
    const milliseconds stale_for = now - stored->fresh_until;
    if (within(request.max_stale, stale_for)) return {Action::use, Forward::none};
    const bool particular = request.max_age || request.max_stale;
    if (!particular && within(directives.stale_while_revalidate, stale_for))
      return {Action::use_and_refresh, Forward::none};
    return {Action::fetch, Forward::stale};
  };
  Decision decision = decide();
  if (!request.only_if_cached) return decision;
  if (decision.action == Action::fetch) decision.action = Action::refuse;
  if (decision.action == Action::use_and_refresh) decision.action = Action::use;
  return decision;
}

bool may_stand_in_http(const StoredResponse* stored, Failure failure, const FreshnessPolicy& policy,
                       WallTime now) {
  if (stored == nullptr || now >= stored->usable_until) return false;
  const auto directives = http::parse_response_directives(Fields::from_lines(stored->head));
  if (forbids_stale(directives)) return false;
  const milliseconds limit = directives.stale_if_error ? *directives.stale_if_error : policy.stale_if_error;
  const milliseconds ahead = stored->fetched_at - now;
  if (ahead > std::max(limit, clock_tolerance)) return false;
  const milliseconds stale_for = now - stored->fresh_until;
  if (directives.stale_if_error) return stale_for <= limit;
  return failure == Failure::no_answer && stale_for < limit;
}

Fields freshened(const Fields& stored, const Fields& update) {
  Fields result = stored;
  for (const auto& field : update.all()) {
    if (!belongs_to_content(field.name)) result.remove(field.name);
  }
  for (const auto& field : update.all()) {
    if (!belongs_to_content(field.name)) result.add(field.name, field.value);
  }
  return result;
}

bool same_representation(const Fields& stored, std::size_t length, const Fields& head) {
  for (const std::string_view name : {"ETag", "Last-Modified"}) {
    if (head.contains(name) && head.find(name) != stored.find(name)) return false;
  }
  const auto announced = head.find("Content-Length");
  return !announced || *announced == std::to_string(length);
}

Fields storable_fields(const Fields& upstream) {
  static constexpr http::FieldNames ours("Content-Length", "Age", "X-Request-Id");
  const http::HopByHopFields hop_by_hop(upstream);
  Fields kept;
  for (const auto& field : upstream.all()) {
    const bool dropped = ours.contain(field.name) || hop_by_hop.contain(field.name);
    if (!dropped) kept.add(field.name, field.value);
  }
  return kept;
}

bool invalidates(std::string_view method, unsigned status) {
  return is_unsafe(method) && status >= 200 && status < 400;
}

bool is_unsafe(std::string_view method) {
  return method != "GET" && method != "HEAD" && method != "OPTIONS" && method != "TRACE";
}

}  // namespace roktcached::caching
