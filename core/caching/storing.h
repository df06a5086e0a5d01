#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/time.h"

namespace roktcached::http {
class Fields;
struct ResponseDirectives;
}  // namespace roktcached::http

namespace roktcached::caching {

struct FreshnessPolicy;

/// Whether what a fetch brought is stored, and if not, why. Of several reasons it is the first that the rules
/// below meet. Cache-Status (`stored`, or `detail`), the access line, the metric and `explain` call each by
/// its name here.
enum class Storing : std::uint8_t {
  stored,
  // By the answer, on report and metadata routes and on http routes.
  too_large,         ///< larger than upstream.max_response
  status,            ///< answers of this status are kept for nobody
  better_kept,       ///< the stored answer is better, and stays: a report, or the whole of this part
  request_no_store,  ///< the client sent Cache-Control: no-store
  no_lifetime,       ///< it would be neither fresh nor validated: its lifetime is zero
  // On report and metadata routes alone.
  not_json,  ///< it is no whole JSON
  // On http routes alone (RFC 9111, section 3).
  method,             ///< of the request
  response_no_store,  ///< the upstream sent no-store
  private_,           ///< the upstream sent private. NOLINT(readability-identifier-naming): a keyword
  authorization,      ///< the client sent a credential of its own, and nothing says that others may see it
  vary_any,           ///< Vary: * matches no other request (section 4.1)
  partial,            ///< a 206 to a request that had no range
  // By what happened while it was fetched.
  no_answer,    ///< the fetch has failed
  invalidated,  ///< a write has changed what it tells of
  purged,       ///< a purge was meant to reach it
  replaced,     ///< a later one has taken the place of what it confirms
  // By the store.
  too_large_for_cache,  ///< for cache.max_memory, and for an eighth of cache.max_disk
  no_room,              ///< memory let it go at once, and the disk or its queue is full
};
inline constexpr std::size_t storing_count = static_cast<std::size_t>(Storing::no_room) + 1;

/// "stored", "request-no-store" and so on; lives for ever.
[[nodiscard]] std::string_view name_of(Storing storing);

/// An answer on a report or metadata route, as far as it decides.
struct ReportAnswer {
  unsigned status = 200;  ///< of a 304: of what it confirms
  bool too_large = false;
  bool not_json = false;     ///< a success that is no whole JSON
  bool better_kept = false;  ///< a report is stored that may still stand in
  bool request_no_store = false;
  bool has_lifetime = true;  ///< see lifetime_of
};

/// The reason for not storing the answer, or `stored` for a report, and for a refusal that stands for a
/// minute. The answer's own freshness fields do not count.
[[nodiscard]] Storing storing_of_report(const ReportAnswer& answer);

/// An answer on an http route, as far as its fields do not say it.
struct HttpAnswer {
  std::string_view method = {};    ///< of the request
  bool has_authorization = false;  ///< of the client's own; the shared token is part of the key
  bool request_no_store = false;
  bool content_location_is_target = false;  ///< of the response to a POST (RFC 9110, section 9.3.3)
  bool range_forwarded = false;             ///< the request went upstream with its Range
  bool better_kept = false;                 ///< as for a report, or the whole of a part
  bool too_large = false;
  WallTime sent_at = {};
  WallTime received_at = {};
};

struct HttpLifetime {
  WallTime made_at;  ///< for StoredResponse::fetched_at
  WallTime fresh_until;
  WallTime usable_until;
};

struct HttpStoring {
  Storing storing = Storing::no_answer;
  HttpLifetime lifetime;  ///< where it may be stored
};

/// Why a shared cache may not store it (RFC 9111, section 3), or would serve nobody by it; `stored` where it
/// may, and for how long.
/// @param policy  for how long a stale one may be of use: stale_if_error
[[nodiscard]] HttpStoring storing_of_http(const HttpAnswer& answer, unsigned status,
                                          const http::Fields& response,
                                          const http::ResponseDirectives& directives,
                                          const FreshnessPolicy& policy);

}  // namespace roktcached::caching
