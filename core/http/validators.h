#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/http/fields.h"
#include "core/time.h"

namespace roktcached::http {

/// The first 128 bits of the SHA-256 of some bytes, in hex.
[[nodiscard]] std::string digest_of(std::string_view bytes);

/// A strong entity-tag for a body: the first 128 bits of its SHA-256, quoted hex, e.g.
/// "\"9f86d081884c7d65...\"".
[[nodiscard]] std::string entity_tag_of(std::string_view body);

/// True if If-None-Match in `request` lists `entity_tag` or is `*`, by weak comparison (RFC 9110,
/// sections 8.8.3.2 and 13.1.2). False if the request has no If-None-Match.
[[nodiscard]] bool none_match_fails(const Fields& request, std::string_view entity_tag);

/// True if If-Modified-Since in `request` is no earlier than `modified` (RFC 9110, section 13.1.3). False
/// where there is none, or more than one line of it, and where either is no date.
/// @param modified  a Last-Modified's value; empty: there is none
[[nodiscard]] bool unmodified_since(const Fields& request, std::string_view modified, WallTime now);

/// True where the Last-Modified of `fields` is a strong validator: what has changed in the second that it
/// names may change once more in it (RFC 9110, section 8.8.2.2).
/// @param made_at  what stands for a Date that is missing
[[nodiscard]] bool modified_well_before(const Fields& fields, std::optional<WallTime> made_at, WallTime now);

/// True if the conditions of a GET or HEAD request say that its sender has the stored response already, so
/// that 304 answers it: If-None-Match where there is one, else If-Modified-Since against Last-Modified, or
/// Date where there is none (RFC 9110, section 13.2.2; RFC 9111, section 4.3.2).
/// @param stored  the fields of a stored 200
[[nodiscard]] bool is_not_modified(const Fields& request, const Fields& stored, WallTime now);

/// Whether a 304 is about another representation than that of `entity_tag`, which it was asked about. It is
/// if it names a tag that differs in more than its mark as weak, or than what servers add for a compressed
/// form.
[[nodiscard]] bool names_another(const Fields& not_modified, std::string_view entity_tag);

/// True for what a 304 carries of the response that it stands for: all but what describes the content
/// itself (RFC 9110, section 15.4.5).
[[nodiscard]] bool belongs_in_not_modified(std::string_view name);

}  // namespace roktcached::http
