#include "server/http/problem.h"

#include <array>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <span>

namespace roktcached {

namespace {

struct Description {
  ErrorCode code;
  unsigned status;
  std::string_view name;
  std::string_view title;
  std::string_view proxy_error;  // RFC 9209, section 2.3
};

/// Whether there is a row for each code, in the order of the codes.
consteval bool is_complete(std::span<const Description> rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].code != static_cast<ErrorCode>(i)) return false;
  }
  return rows.back().code == ErrorCode::internal;
}

/// The beginning of each content that is made here.
constexpr std::string_view type_begins = R"({"type":"urn:roktcached:)";

const Description& describe(ErrorCode code) {
  using enum ErrorCode;
  constexpr std::string_view request_error = "http_request_error";
  constexpr std::string_view denied = "http_request_denied";
  constexpr std::string_view no_destination = "destination_unavailable";
  constexpr std::string_view limit_reached = "connection_limit_reached";
  constexpr std::string_view internal_error = "proxy_internal_error";
  static constexpr auto rows = std::to_array<Description>({
      {invalid_request, 400, "invalid-request", "The request is not acceptable", request_error},
      {unauthenticated, 401, "unauthenticated", "The caller is not known", denied},
      {invalid_token, 401, "unauthenticated", "The caller is not known", denied},
      {forbidden, 403, "forbidden", "The request is not allowed", denied},
      {account_not_allowed, 403, "account-not-allowed", "The account may not be read", denied},
      {unsupported_media_type, 415, "unsupported-media-type", "The content is not of an accepted type",
       request_error},
      {unknown_route, 404, "unknown-route", "No such route", request_error},
      {method_not_allowed, 405, "method-not-allowed", "The route does not have this method", request_error},
      {not_acceptable, 406, "not-acceptable", "The answer has not the form that is asked for", request_error},
      {content_too_large, 413, "content-too-large", "The request's content is too large", request_error},
      {target_too_long, 414, "target-too-long", "The request's target is too long", request_error},
      {fields_too_large, 431, "fields-too-large", "The request's head is too large", request_error},
      {unknown_host, 421, "unknown-host", "The Host is not one of this proxy's", request_error},
      {request_timeout, 408, "request-timeout", "The request did not arrive in time", request_error},
      {expectation_failed, 417, "expectation-failed", "The expectation is not known", request_error},
      {client_quota_exceeded, 429, "client-quota-exceeded",
       "The client's rate leaves no room for the request", denied},
      {loop_detected, 508, "loop-detected", "The request has come back to this proxy", "proxy_loop_detected"},
      // For the access log: there is nobody to send it to.
      {client_gone, 499, "client-gone", "The client has gone", request_error},
      {not_in_cache, 504, "not-in-cache", "The cache holds no answer that may be used",
       "proxy_internal_response"},
      {upstream_unreachable, 502, "upstream-unreachable", "The upstream cannot be reached", no_destination},
      {upstream_invalid_response, 502, "upstream-invalid-response", "The upstream's answer is not valid",
       "http_protocol_error"},
      {upstream_timeout, 504, "upstream-timeout", "The upstream did not answer in time",
       "http_response_timeout"},
      {token_unavailable, 503, "token-unavailable", "There is no access token for the upstream",
       no_destination},
      {upstream_budget_exhausted, 503, "upstream-budget-exhausted",
       "The shared rate limit leaves no room for the request", limit_reached},
      {overloaded, 503, "overloaded", "Too much is under way", limit_reached},
      {handed_over, 503, "handed-over", "Another process serves by now", no_destination},
      {storage_unavailable, 503, "storage-unavailable", "The cache file cannot be used now", internal_error},
      {storage_corrupt, 503, "storage-unavailable", "The cache file cannot be used now", internal_error},
      {storage_outdated, 500, "internal", "The proxy failed", internal_error},
      {storage_full, 503, "storage-unavailable", "The cache file cannot be used now", internal_error},
      {storage_in_use, 500, "internal", "The proxy failed", internal_error},
      {storage_locked, 503, "storage-unavailable", "The cache file cannot be used now", internal_error},
      {configuration, 500, "internal", "The proxy failed", internal_error},
      {unavailable, 500, "internal", "The proxy failed", internal_error},
      {internal, 500, "internal", "The proxy failed", internal_error},
  });
  static_assert(is_complete(rows), "a code has no row, or the row of another");
  return rows[static_cast<std::size_t>(code)];
}

/// Adds the ways in which a client can authenticate (RFC 9110, section 11.6.1; RFC 7617; RFC 6750, section
/// 3). Each scheme has a line of its own, since browsers take a line for one challenge. The admin listener
/// offers no Basic: a browser would ask its user for it.
void add_challenges(http::Answer& answer, const Error& error) {
  const bool admin = error.source == ErrorSource::admin;
  std::string bearer = admin ? R"(Bearer realm="roktcached admin")" : R"(Bearer realm="roktcached")";
  // Only to a client that has shown a token: RFC 6750, section 3.1.
  if (error.code == ErrorCode::invalid_token) bearer += R"(, error="invalid_token")";
  if (!admin) answer.field("WWW-Authenticate", R"(Basic realm="roktcached")");
  answer.field("WWW-Authenticate", bearer);
}

}  // namespace

http::Answer problem(const Error& error, std::string_view request_id,
                     std::optional<std::chrono::milliseconds> retry_after) {
  const Description& description = describe(error.code);
  const bool wrong_method = error.code == ErrorCode::method_not_allowed;
  boost::json::object body;
  body["type"] = std::string("urn:roktcached:").append(description.name);
  body["title"] = description.title;
  body["status"] = description.status;
  body["detail"] = wrong_method ? "this route has " + error.context : error.context;
  body["requestId"] = request_id;

  http::Answer answer;
  answer.status = description.status;
  const bool refused = description.status < 500 && error.code != ErrorCode::client_gone;
  answer.notes.outcome = refused ? http::CacheOutcome::refused : http::CacheOutcome::failed;
  answer.notes.reason = description.name;
  answer.field("Content-Type", "application/problem+json")
      .field("Cache-Control", "no-store")
      .field("Proxy-Status", std::string("roktcached; error=").append(description.proxy_error));
  if (wrong_method) answer.field("Allow", error.context);
  if (description.status == 401) add_challenges(answer, error);
  if (retry_after) {
    const auto seconds =
        std::max(std::chrono::ceil<std::chrono::seconds>(*retry_after), std::chrono::seconds{1});
    answer.field("Retry-After", std::to_string(seconds.count()));
  }
  answer.body = caching::share_body(boost::json::serialize(body) + "\n");
  return answer;
}

std::string_view problem_name(const http::Answer& answer) {
  const bool made_here = answer.notes.outcome == http::CacheOutcome::refused ||
                         answer.notes.outcome == http::CacheOutcome::failed;
  if (!made_here || answer.body == nullptr || !answer.body->view().starts_with(type_begins)) return {};
  const std::string_view name = answer.body->view().substr(type_begins.size());
  return name.substr(0, name.find('"'));
}

}  // namespace roktcached
