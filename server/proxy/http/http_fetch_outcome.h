#pragma once

#include "core/caching/freshness.h"
#include "core/time.h"
#include "server/proxy/report/fetch_outcome.h"
#include "server/upstream/growing_answer.h"

namespace roktcached::proxy {

/// As judge, on a route where RFC 9111 decides: stores, freshens what a 304 or a HEAD confirms, invalidates
/// what an unsafe method has changed. Pure.
/// @pre request.http
/// @param received_at  when the answer was there
[[nodiscard]] FetchOutcome judge_http(const FetchRequest& request, upstream::UpstreamResult result,
                                      WallTime received_at);

/// The same, of an answer whose content is still to come.
[[nodiscard]] FetchOutcome judge_http_head(const FetchRequest& request, const upstream::AnswerHead& head,
                                           WallTime now);

}  // namespace roktcached::proxy
