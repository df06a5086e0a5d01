#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace roktcached::http {

/// A value in a Dictionary that a targeted Cache-Control field can hold (RFC 8941, section 3.3); what such a
/// field gives no meaning (decimals, tokens, byte sequences, inner lists) is parsed, and held as monostate.
using DictionaryValue = std::variant<std::monostate, bool, std::int64_t, std::string>;

struct DictionaryMember {
  std::string key;
  DictionaryValue value;  ///< true for a bare key
};

/// Parses a Structured Field of type Dictionary, strictly: with one error anywhere the field does not count
/// (RFC 8941, section 4.2). Of a repeated key the last value counts. Parameters are parsed and dropped.
/// @param text  the field lines of one name, joined by commas
/// @return empty if it does not parse; no members for an empty field
[[nodiscard]] std::optional<std::vector<DictionaryMember>> parse_dictionary(std::string_view text);

}  // namespace roktcached::http
