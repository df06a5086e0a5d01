#pragma once

#include <string>
#include <string_view>

namespace roktcached::proxy {

/// Which fields differ between two JSON texts, and how, as JSON for people: each by its JSON Pointer (RFC
/// 6901) with the values before and after, `null` where there is none. The shape of an answer is the
/// upstream's: elements of arrays are compared place by place, where they
/// are as many as before. Long texts are cut.
/// @return at most 32 fields, then {"more":N}; "[]" where one of the texts is no JSON or longer than 256 KiB
[[nodiscard]] std::string moved_fields(std::string_view before, std::string_view after);

/// The pointers alone of what moved_fields has made, for a line of the log.
[[nodiscard]] std::string names_of(std::string_view moved);

}  // namespace roktcached::proxy
