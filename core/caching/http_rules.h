#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "core/caching/decision.h"
#include "core/caching/freshness.h"
#include "core/caching/stored_response.h"
#include "core/http/cache_control.h"
#include "core/http/fields.h"
#include "core/time.h"

namespace roktcached::caching {

// The rules of RFC 9111 for routes with cache = "http", where the upstream's fields decide. A response stored
// there keeps its whole head, so that every rule can be read from it again; `fetched_at` is when the upstream
// made it: the time it was received less the age it had then (section 4.2.3).

/// The value of Age (RFC 9111, section 5.1). Of a list, on one line or on several, the first member counts.
/// One that is too large to hold is held to 2^31 s (section 1.2.2).
/// @return empty without Age, and if that member is no non-negative integer: then Age is ignored
[[nodiscard]] std::optional<std::chrono::seconds> age_value(const http::Fields& response);

/// How old a response was when it was received (RFC 9111, section 4.2.3): by Age or by Date, the larger of
/// both.
[[nodiscard]] std::chrono::milliseconds initial_age(const http::Fields& response, WallTime sent_at,
                                                    WallTime received_at);

/// Whether a response of this status may be fresh though nothing says for how long (RFC 9110, section 15.1).
[[nodiscard]] bool is_heuristically_cacheable(unsigned status);

/// For how long a response is fresh from when it was made (section 4.2.1): s-maxage, max-age, Expires less
/// Date, else a tenth of its age since Last-Modified, at most a day, where the status or `public` allows it
/// (section 4.2.2). Zero for one that is never fresh.
[[nodiscard]] std::chrono::milliseconds freshness_lifetime(unsigned status, const http::Fields& response,
                                                           const http::ResponseDirectives& directives,
                                                           WallTime received_at);

/// Decides how to answer a GET or HEAD, given what is stored for it (sections 4 and 5.2.1; RFC 5861, section
/// 3). The client's directives are followed to the letter: no min_refetch_interval here. A response that
/// claims to be from the future (see is_fresh) is not served stale: nobody knows how stale it is.
[[nodiscard]] Decision decide_http(const StoredResponse* stored, const http::RequestDirectives& request,
                                   WallTime now);

enum class Failure {
  no_answer,    ///< the upstream was not reached, or its answer was none: we are disconnected from it
  error_status  ///< 500, 502, 503 or 504
};

/// Whether a stale response may stand in for a failed fetch. Nothing in it may forbid that (section 4.2.4).
/// Its own stale-if-error says for how long (RFC 5861, section 4). Without one, the policy's stale_if_error
/// does, but only for `no_answer`. A response that claims to be from further in the future than that may not.
[[nodiscard]] bool may_stand_in_http(const StoredResponse* stored, Failure failure,
                                     const FreshnessPolicy& policy, WallTime now);

/// The fields of `stored` brought up to date by those of a 304, or of a 200 to HEAD (section 3.2): what
/// describes the stored content and its validator stay as they are.
[[nodiscard]] http::Fields freshened(const http::Fields& stored, const http::Fields& update);

/// Whether a 200 to HEAD speaks of the response that is stored (section 4.3.5).
/// @param length  of the stored content, in bytes
[[nodiscard]] bool same_representation(const http::Fields& stored, std::size_t length,
                                       const http::Fields& head);

/// The fields that are stored on an http route and passed to clients: all but the hop-by-hop ones, those that
/// Connection nominates, and Content-Length, Age and X-Request-Id, which are ours to write (section 3.1).
[[nodiscard]] http::Fields storable_fields(const http::Fields& upstream);

/// True for methods after whose success what is stored for a target must go (section 4.4; RFC 9110, section
/// 9.2.1): all that are not known to be safe.
[[nodiscard]] bool is_unsafe(std::string_view method);
/// Whether an answer of this status means such a success.
[[nodiscard]] bool invalidates(std::string_view method, unsigned status);

}  // namespace roktcached::caching
