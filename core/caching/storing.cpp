#include "core/caching/storing.h"

#include <algorithm>
#include <array>

#include "core/caching/freshness.h"
#include "core/caching/http_rules.h"
#include "core/http/cache_control.h"
#include "core/http/fields.h"
#include "core/http/vary.h"

namespace roktcached::caching {

using http::Fields;
using http::ResponseDirectives;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

/// The final status codes of RFC 9110, section 15, whose caching we know.
bool is_understood(unsigned status) {
  static constexpr std::array<unsigned, 42> statuses = {200, 201, 202, 203, 204, 205, 206, 300, 301, 302, 303,
                                                        304, 305, 307, 308, 400, 401, 402, 403, 404, 405, 406,
                                                        407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417,
                                                        421, 422, 426, 500, 501, 502, 503, 504, 505};
  return std::ranges::find(statuses, status) != statuses.end();
}

bool has_explicit_lifetime(const Fields& response, const ResponseDirectives& directives) {
  return directives.max_age || directives.s_maxage || (!directives.targeted && response.contains("Expires"));
}

/// RFC 9111, section 3.
Storing may_share(const HttpAnswer& answer, unsigned status, const Fields& response,
                  const ResponseDirectives& directives) {
  const bool explicit_lifetime = has_explicit_lifetime(response, directives);
  const bool post_of_itself =
      answer.method == "POST" && explicit_lifetime && answer.content_location_is_target;
  if (answer.method != "GET" && !post_of_itself) return Storing::method;
  if (answer.request_no_store) return Storing::request_no_store;
  const bool for_one_client = status == 412 || status == 416;  // whose conditions or range it is about
  if (status < 200 || status == 304 || for_one_client) return Storing::status;
  if (directives.must_understand && !is_understood(status)) return Storing::status;
  // Section 5.2.2.3: must-understand takes the place of no-store for who understands.
  if (directives.no_store && !directives.must_understand) return Storing::response_no_store;
  if (directives.private_all) return Storing::private_;
  const bool shareable = directives.public_ || directives.must_revalidate || directives.s_maxage;
  if (answer.has_authorization && !shareable) return Storing::authorization;  // section 3.5
  if (!explicit_lifetime && !directives.public_ && !is_heuristically_cacheable(status))
    return Storing::no_lifetime;
  if (http::parse_vary(response).any) return Storing::vary_any;
  if (status == 206 && !answer.range_forwarded) return Storing::partial;
  if (answer.better_kept) return Storing::better_kept;
  return answer.too_large ? Storing::too_large : Storing::stored;
}

}  // namespace

std::string_view name_of(Storing storing) {
  static constexpr std::array<std::string_view, storing_count> names = {
      "stored",      "too-large",        "status",
      "better-kept", "request-no-store", "no-lifetime",
      "not-json",    "method",           "response-no-store",
      "private",     "authorization",    "vary-any",
      "partial",     "no-answer",        "invalidated",
      "purged",      "replaced",         "too-large-for-cache",
      "no-room"};
  return names[static_cast<std::size_t>(storing)];
}

Storing storing_of_report(const ReportAnswer& answer) {
  if (answer.too_large) return Storing::too_large;
  if (answer.not_json) return Storing::not_json;
  const bool refusal = answer.status == 400 || answer.status == 404;
  if (answer.status != 200 && !refusal) return Storing::status;
  if (answer.better_kept) return Storing::better_kept;
  if (answer.request_no_store) return Storing::request_no_store;
  return answer.has_lifetime ? Storing::stored : Storing::no_lifetime;
}

HttpStoring storing_of_http(const HttpAnswer& answer, unsigned status, const Fields& response,
                            const ResponseDirectives& directives, const FreshnessPolicy& policy) {
  HttpStoring verdict{may_share(answer, status, response, directives), {}};
  if (verdict.storing != Storing::stored) return verdict;
  HttpLifetime& times = verdict.lifetime;
  times.made_at = answer.received_at - initial_age(response, answer.sent_at, answer.received_at);
  const milliseconds lifetime = directives.no_cache
                                    ? milliseconds{0}
                                    : freshness_lifetime(status, response, directives, answer.received_at);
  times.fresh_until = times.made_at + lifetime;
  const auto stale =
      std::max<milliseconds>({policy.stale_if_error, directives.stale_if_error.value_or(seconds{0}),
                              directives.stale_while_revalidate.value_or(seconds{0})});
  times.usable_until = std::max(times.fresh_until, answer.received_at) + stale;
  const bool has_validator = response.contains("ETag") || response.contains("Last-Modified");
  const bool useful = times.fresh_until > answer.received_at || has_validator || directives.stale_if_error ||
                      directives.stale_while_revalidate;
  if (!useful) verdict.storing = Storing::no_lifetime;
  return verdict;
}

}  // namespace roktcached::caching
