#pragma once

#include "core/caching/freshness.h"
#include "core/caching/stored_response.h"
#include "core/http/cache_status.h"
#include "core/time.h"
#include "server/exchange/outcome.h"
#include "server/inbound/message.h"

namespace roktcached::exchange {

/// Turns a response from the store or from a flight into an answer: the upstream's status, end-to-end fields
/// and bytes, with ETag, Date (of the fetch), Cache-Control, Vary, Cache-Status and Report-State of our own;
/// 304 where the request's If-None-Match says that the client has it (RFC 9110, section 13.1.2). Pure.
/// @param with_age  true for what comes from the store (RFC 9111, section 5.1)
[[nodiscard]] inbound::Answer answer_with(const inbound::Request& request,
                                          const caching::StoredResponsePtr& response,
                                          const http::CacheStatus& status, bool with_age,
                                          const caching::FreshnessPolicy& policy, WallTime now);

/// The answer to `POST /auth/oauth2/token` (RFC 6749, sections 4.4 and 5): a token that any Rokt client can
/// carry and that is good here alone, since the shared one never leaves the process. Errors are RFC 6749's.
[[nodiscard]] inbound::Answer answer_token_request(const inbound::Request& request);

/// Passes an upstream answer on: status, bytes and end-to-end fields as they came, without Set-Cookie.
[[nodiscard]] inbound::Answer answer_passed(upstream::UpstreamResponse response);

}  // namespace roktcached::exchange
