#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/caching/selection.h"
#include "core/caching/stored_response.h"
#include "core/error.h"
#include "core/time.h"
#include "server/upstream/token/token.h"
#include "server/upstream/upstream.h"
#include "storage/body_account.h"

namespace roktcached::fleet {

// What travels through the engine of a fleet, before it is sealed. Each begins with its kind and a version;
// what is of another is damaged to the reader, which then goes to the upstream. Readers take octets that may
// be anything: what is wrong is storage_corrupt, and takes no memory beyond the octets' own size and
// `body_max`. All functions are safe from any thread.

/// All of a response that the cache file keeps: not its gzip form, which each instance makes itself. A body
/// above 1 KiB is compressed where that saves something.
[[nodiscard]] std::string written(const caching::StoredResponse& response);
/// @param body_max  bytes: a longer body is refused before it is decompressed
/// @param bodies    counts the body, and keeps a long one; null: nobody does
[[nodiscard]] Result<caching::StoredResponsePtr> read_response(std::string_view octets, std::size_t body_max,
                                                               storage::BodyAccount* bodies = nullptr);

/// Of the error's context, the first 1 KiB goes along.
[[nodiscard]] std::string written(const upstream::UpstreamFailure& failure);
[[nodiscard]] Result<upstream::UpstreamFailure> read_failure(std::string_view octets);

[[nodiscard]] std::string written(const caching::Purge& purge);
[[nodiscard]] Result<caching::Purge> read_purge(std::string_view octets);

/// The caller answers for the token in it.
[[nodiscard]] std::string written(const upstream::Token& token);
/// The token expires here when the minter's wall clock says so, but no later than its lifetime from now. One
/// that has expired is read, too, and expires now.
/// @param now, wall_now  of this machine's clocks, at one time
[[nodiscard]] Result<upstream::TokenPtr> read_token(std::string_view octets, SteadyTime now,
                                                    WallTime wall_now);

}  // namespace roktcached::fleet
