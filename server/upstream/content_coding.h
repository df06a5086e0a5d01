#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/http/fields.h"

namespace roktcached::upstream {

/// Undoes gzip (RFC 1952). What would come out is measured first and then inflated into exactly so much
/// memory, so that something small that inflates without end is stopped before it costs any. Pure.
/// @param max_size  of what comes out, in bytes
/// @return upstream_invalid_response where it is corrupt, cut short, larger than max_size, or has bytes that
/// are no gzip behind its end
[[nodiscard]] Result<std::string> gunzip(std::string_view compressed, std::uint64_t max_size);

/// Turns the content of an answer to a request that accepted gzip, and nothing else, into what it is without
/// its coding (RFC 9110, section 8.4), and removes the fields that spoke of it: Content-Encoding,
/// Content-Length and digests. An answer without a coding stays as it is. Pure.
/// @param max_size  of the content without its coding, in bytes
/// @return as gunzip; upstream_invalid_response, naming it, for any other coding; nothing is changed then
[[nodiscard]] Result<void> undo_coding(unsigned status, http::Fields& fields, std::string& content,
                                       std::uint64_t max_size);

}  // namespace roktcached::upstream
