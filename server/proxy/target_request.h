#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/http/fields.h"
#include "core/http/target.h"
#include "core/rokt/routes.h"
#include "server/proxy/cache_request.h"
#include "server/runtime.h"

namespace roktcached::proxy {

/// Reads the parameters of a request on a report or metadata route, and makes its key.
/// @param target  its path as the route table matched it, and its query
/// @param fields  of the request; rokt-version alone counts
/// @return invalid_request, naming the parameter, what came and what is accepted
[[nodiscard]] Result<CacheRequestPtr> cache_request_of(const Runtime& runtime, const rokt::RouteMatch& match,
                                                       std::size_t credential, const http::Target& target,
                                                       const http::Fields& fields);

/// A target that somebody asks about, rather than for: `explain`, `warm`.
struct TargetRequest {
  const rokt::Route* route = nullptr;  ///< of the runtime's table
  std::string account_id;
  std::string campaign_id;
  CacheRequestPtr cache_request;  ///< null where the route is no report's and no metadata's
};

/// Reads it as a GET of it would be read, or another method that the route serves. An address that was copied
/// from a tool will do: its scheme, its authority and its API key are left out.
/// @param runtime       outlives the result
/// @param target        origin-form, or an http or https URL
/// @param rokt_version  as the client would send it; empty: not sent
/// @return invalid_request, unknown_route or account_not_allowed, as a client would get it
[[nodiscard]] Result<TargetRequest> read_target_request(const Runtime& runtime, std::string target,
                                                        std::string_view rokt_version);

}  // namespace roktcached::proxy
