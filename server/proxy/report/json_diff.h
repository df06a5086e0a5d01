#pragma once

#include <string>
#include <string_view>

namespace roktcached::proxy {

/// The fields that differ between two JSON texts, and how, as JSON for people: each by its JSON Pointer (RFC
/// 6901) with the values before and after, `null` if there is none. The upstream decides the shape of an
/// answer: elements of arrays are compared place by place, if there are as many as before. Long texts are
/// cut.
/// @return at most 32 fields, then {"more":N}; "[]" if one of the texts is no JSON or longer than 256 KiB
[[nodiscard]] std::string moved_fields(std::string_view before, std::string_view after);

/// The pointers alone of what moved_fields has made, for a line of the log.
[[nodiscard]] std::string names_of(std::string_view moved);

}  // namespace roktcached::proxy
