#pragma once

#include <string>
#include <string_view>

#include "core/http/fields.h"

namespace roktcached::http {

/// A strong entity-tag for a body: the first 128 bits of its SHA-256, quoted hex, e.g.
/// "\"9f86d081884c7d65...\"".
[[nodiscard]] std::string entity_tag_of(std::string_view body);

/// True if If-None-Match in `request` lists `entity_tag` or is `*`, by weak comparison (RFC 9110,
/// sections 8.8.3.2 and 13.1.2). False where the request has no If-None-Match.
[[nodiscard]] bool none_match_fails(const Fields& request, std::string_view entity_tag);

}  // namespace roktcached::http
