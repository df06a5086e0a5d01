#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/http/fields.h"
#include "storage/body_account.h"

namespace roktcached::upstream {

/// Undoes gzip (RFC 1952). It measures the size of the result first, and then inflates into exactly so much
/// memory. So something small that inflates without end is stopped before it costs any memory. Pure.
/// @param max_size  of the result, in bytes
/// @param held  the size of the result is added to it first; may be null
/// @return nothing if the result is larger than max_size; upstream_invalid_response if the input is corrupt,
///          cut short, or has bytes behind its end that are no gzip; overloaded if there is no room for the
///          result
[[nodiscard]] Result<std::optional<std::string>> gunzip(std::string_view compressed, std::uint64_t max_size,
                                                        storage::BodyAccount::Growing* held = nullptr);

/// The failure of gzip that ends too soon.
[[nodiscard]] Error cut_short();

/// Whether the fields of an answer to a request that accepted gzip, and nothing else, speak of gzip (RFC
/// 9110, section 8.4). Pure.
/// @return upstream_invalid_response, naming it, for any other coding
[[nodiscard]] Result<bool> is_gzipped(const http::Fields& fields);

/// Removes the fields that are not true of the content without its coding: Content-Encoding, and where there
/// is one, Content-Length and digests.
/// @param gzipped  as is_gzipped says
void remove_coding(http::Fields& fields, bool gzipped);

/// Turns the content of such an answer into what it is without its coding, and removes the fields that spoke
/// of it. An answer without a coding stays as it is. Pure.
/// @param max_size  of the content without its coding, in bytes
/// @param held  what the content takes, before and after; may be null
/// @return false if it is larger than max_size: then `content` is still coded; as gunzip and is_gzipped
/// for what is in disorder, and overloaded if there is no room for it: nothing is changed then
[[nodiscard]] Result<bool> undo_coding(unsigned status, http::Fields& fields, std::string& content,
                                       std::uint64_t max_size, storage::BodyAccount::Growing* held = nullptr);

}  // namespace roktcached::upstream
