#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace roktcached {

/// `text` as a number, where all of it is one, and fits: no white space, no '+'. Else empty.
template <class Number>
[[nodiscard]] std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace roktcached
