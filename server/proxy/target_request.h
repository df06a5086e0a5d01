#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/http/fields.h"
#include "core/http/target.h"
#include "core/rokt/routes.h"
#include "core/time.h"
#include "server/proxy/account_zones.h"
#include "server/proxy/cache_request.h"
#include "server/runtime.h"

namespace roktcached::proxy {

/// The circumstances that a question depends on, beside the request and the settings.
struct Circumstances {
  WallTime now;                         ///< a range may move with it
  const AccountZones* zones = nullptr;  ///< null: no zone is known
};

/// Reads the parameters of a request on a report, metadata or query route, and makes its key.
/// @param target   its path as the route table matched it, and its query
/// @param fields   of the request; rokt-version counts, and on a query route Content-Type
/// @param content  counts on a query route alone
/// @param circumstances  what the question depends on beside that
/// @return invalid_request, naming the parameter, what came and what is accepted; unsupported_media_type
[[nodiscard]] Result<CacheRequestPtr> cache_request_of(const Runtime& runtime, const rokt::RouteMatch& match,
                                                       std::size_t credential, const http::Target& target,
                                                       const http::Fields& fields, std::string_view content,
                                                       const Circumstances& circumstances);

/// A target that somebody asks about, rather than asks for: `explain`, `warm`.
struct TargetRequest {
  const rokt::Route* route = nullptr;  ///< of the runtime's table
  std::string account_id;
  std::string campaign_id;
  CacheRequestPtr cache_request;  ///< null if the route is none of those
};

/// A target as it is routed. An address that was copied from a tool will do: its scheme, its authority and
/// its API key are left out.
/// @param target  origin-form, or an http or https URL
/// @return invalid_request, naming the target without its query, which may hold a key
[[nodiscard]] Result<std::string> origin_form_of(std::string_view target);

/// Reads a target as a GET of it would be read, or a request with another method that the route serves.
/// @param runtime       outlives the result
/// @param target        as for origin_form_of
/// @param rokt_version  as the client would send it; empty: not sent
/// @param circumstances  what the question depends on beside that
/// @param content       of a query, in JSON; else empty
/// @return invalid_request, unknown_route or account_not_allowed, as a client would get it
[[nodiscard]] Result<TargetRequest> read_target_request(const Runtime& runtime, std::string_view target,
                                                        std::string_view rokt_version,
                                                        const Circumstances& circumstances,
                                                        std::string_view content = {});

}  // namespace roktcached::proxy
