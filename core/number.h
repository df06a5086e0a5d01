#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace roktcached {

/// Reads `text` as a decimal number. White space and '+' are not accepted.
/// @return empty unless all of `text` is one number that fits into Number
template <class Number>
[[nodiscard]] std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace roktcached
