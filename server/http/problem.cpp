#include "server/http/problem.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace roktcached {

namespace {

struct Description {
  unsigned status;
  std::string_view name;
  std::string_view title;
  std::string_view proxy_error;  // RFC 9209, section 2.3
};

Description describe(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_request:
      return {400, "invalid-request", "The request is not acceptable", "http_request_error"};
    case ErrorCode::unauthenticated:
    case ErrorCode::invalid_token:
      return {401, "unauthenticated", "Who calls is not known", "http_request_denied"};
    case ErrorCode::forbidden:
      return {403, "forbidden", "The request is not allowed", "http_request_denied"};
    case ErrorCode::account_not_allowed:
      return {403, "account-not-allowed", "The account may not be read", "http_request_denied"};
    case ErrorCode::unknown_route:
      return {404, "unknown-route", "No such route", "http_request_error"};
    case ErrorCode::method_not_allowed:
      return {405, "method-not-allowed", "The route does not have this method", "http_request_error"};
    case ErrorCode::request_timeout:
      return {408, "request-timeout", "The request did not arrive in time", "http_request_error"};
    case ErrorCode::content_too_large:
      return {413, "content-too-large", "The request's content is too large", "http_request_error"};
    case ErrorCode::target_too_long:
      return {414, "target-too-long", "The request's target is too long", "http_request_error"};
    case ErrorCode::unsupported_media_type:
      return {415, "unsupported-media-type", "The content is not of an accepted type", "http_request_error"};
    case ErrorCode::expectation_failed:
      return {417, "expectation-failed", "The expectation is not known", "http_request_error"};
    case ErrorCode::unknown_host:
      return {421, "unknown-host", "The Host is not one of this proxy's", "http_request_error"};
    case ErrorCode::fields_too_large:
      return {431, "fields-too-large", "The request's head is too large", "http_request_error"};
    case ErrorCode::client_quota_exceeded:
      return {429, "client-quota-exceeded", "The client's rate leaves no room for the request",
              "http_request_denied"};
    case ErrorCode::client_gone:  // for the access log: there is nobody to send it to
      return {499, "client-gone", "The client has gone", "http_request_error"};
    case ErrorCode::loop_detected:
      return {508, "loop-detected", "The request has come back to this proxy", "proxy_loop_detected"};
    case ErrorCode::upstream_unreachable:
      return {502, "upstream-unreachable", "The upstream cannot be reached", "destination_unavailable"};
    case ErrorCode::upstream_invalid_response:
      return {502, "upstream-invalid-response", "The upstream's answer is not valid", "http_protocol_error"};
    case ErrorCode::token_unavailable:
      return {503, "token-unavailable", "There is no access token for the upstream",
              "destination_unavailable"};
    case ErrorCode::upstream_budget_exhausted:
      return {503, "upstream-budget-exhausted", "The shared rate limit leaves no room for the request",
              "connection_limit_reached"};
    case ErrorCode::overloaded:
      return {503, "overloaded", "Too much is under way", "connection_limit_reached"};
    case ErrorCode::upstream_timeout:
      return {504, "upstream-timeout", "The upstream did not answer in time", "http_response_timeout"};
    case ErrorCode::not_in_cache:
      return {504, "not-in-cache", "The cache holds no answer that may be used", "proxy_internal_response"};
    case ErrorCode::storage_unavailable:
    case ErrorCode::storage_corrupt:
    case ErrorCode::storage_full:
    case ErrorCode::storage_locked:
      return {503, "storage-unavailable", "The cache file cannot be used now", "proxy_internal_error"};
    case ErrorCode::storage_in_use:
    case ErrorCode::storage_outdated:
    case ErrorCode::configuration:
    case ErrorCode::unavailable:
    case ErrorCode::internal:
      break;
  }
  return {500, "internal", "The proxy failed", "proxy_internal_error"};
}

/// How a client can make itself known (RFC 9110, section 11.6.1; RFC 7617; RFC 6750, section 3). Each scheme
/// has a line of its own: browsers take a line for one challenge. The admin listener offers no Basic: a
/// browser would ask its user for it.
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
  const Description description = describe(error.code);
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
  answer.body = std::make_shared<const std::string>(boost::json::serialize(body) + "\n");
  return answer;
}

}  // namespace roktcached
