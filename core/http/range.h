#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/http/fields.h"
#include "core/time.h"

namespace roktcached::http {

/// The part of a representation of a known length that a request's Range asks for (RFC 9110, section 14).
/// Whole responses on http routes alone answer it: see answer_http_with in server/proxy/answers.h.
struct RangeRequest {
  enum class Kind {
    none,           ///< no Range, or one that may be ignored: another unit, several ranges, malformed
    satisfiable,    ///< `first` to `last`, inclusive
    unsatisfiable,  ///< nothing of it is there: 416
  };
  Kind kind = Kind::none;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

/// Reads Range against a content of `length` bytes. Range does not count if If-Range is there and does not
/// name the stored response by a strong ETag, or by an exact Last-Modified that is a strong validator (RFC
/// 9110, section 13.1.5).
[[nodiscard]] RangeRequest range_of(const Fields& request, const Fields& stored, std::uint64_t length,
                                    WallTime now);

}  // namespace roktcached::http
