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

// The values that travel through the engine of a fleet, before they are sealed. Each begins with its kind and
// a version. A reader that knows another version takes the value for damaged, and goes to the upstream.
// Readers take octets that may be anything: a fault in them is storage_corrupt, and takes no memory beyond
// the octets' own size and `body_max`. All functions are safe from any thread.

/// Writes all of a response that the cache file keeps. Its gzip form is left out: each instance makes it
/// itself. A body above 1 KiB is compressed if that saves something.
[[nodiscard]] std::string written(const caching::StoredResponse& response);
/// @param body_max  bytes: a longer body is refused before it is decompressed
/// @param bodies    counts the body, and keeps a long one; null: nobody does
[[nodiscard]] Result<caching::StoredResponsePtr> read_response(std::string_view octets, std::size_t body_max,
                                                               storage::BodyAccount* bodies = nullptr);

/// Writes a failure, with at most 1 KiB of the error's context.
[[nodiscard]] std::string written(const upstream::UpstreamFailure& failure);
[[nodiscard]] Result<upstream::UpstreamFailure> read_failure(std::string_view octets);

[[nodiscard]] std::string written(const caching::Purge& purge);
[[nodiscard]] Result<caching::Purge> read_purge(std::string_view octets);

/// Writes a token. It is in clear text until the caller seals it.
[[nodiscard]] std::string written(const upstream::Token& token);
/// Reads a token. It expires here when the minter's wall clock says so, but no later than its lifetime from
/// now. A token that has expired is read, too, and expires now.
/// @param now, wall_now  of this machine's clocks, at one time
[[nodiscard]] Result<upstream::TokenPtr> read_token(std::string_view octets, SteadyTime now,
                                                    WallTime wall_now);

}  // namespace roktcached::fleet
