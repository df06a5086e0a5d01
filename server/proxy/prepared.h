#pragma once

#include <string>
#include <string_view>

#include "core/caching/stored_response.h"
#include "storage/body_account.h"

namespace roktcached::proxy {

/// For Rokt routes: `response` with its gzip form, which is made once, when the response is fetched or read
/// from the cache file. `response` itself if it has a gzip form already, or is better off without: it is
/// shorter than 4 KiB or longer than 4 MiB, gzip saves less than a tenth, or it has a coding or a digest of
/// its own. Takes about 20 ms a MiB: not for a client thread.
/// @param bodies  counts the form, which is left out if there is no room for it; null: it is not counted
[[nodiscard]] caching::StoredResponsePtr with_gzip(caching::StoredResponsePtr response,
                                                   storage::BodyAccount* bodies = nullptr);

/// The entity-tag of the gzip form: strong, and another than that of the form without (RFC 9110,
/// section 8.8.3.3): `"abc"` becomes `"abc-gzip"`.
[[nodiscard]] std::string gzip_entity_tag(std::string_view entity_tag);
/// Appends the same.
void append_gzip_entity_tag(std::string& text, std::string_view entity_tag);

/// `response` with what its answers have in common, made once, when it is fetched or read from the cache
/// file: its gzip form, see with_gzip, and Date. On http routes it is `response` itself: what is sent there
/// is the upstream's. Not for a client thread, where the content is long enough to be compressed.
/// @param bodies  see with_gzip
[[nodiscard]] caching::StoredResponsePtr prepared(caching::StoredResponsePtr response,
                                                  storage::BodyAccount* bodies = nullptr);

}  // namespace roktcached::proxy
