#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace roktcached {

// Letters and digits of ASCII alone, whatever the locale is: the names, fields and targets here are octets.

[[nodiscard]] constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

[[nodiscard]] constexpr bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}

[[nodiscard]] constexpr bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}

[[nodiscard]] constexpr bool is_letter(char c) {
  return is_lower(c) || is_upper(c);
}

[[nodiscard]] constexpr bool is_letter_or_digit(char c) {
  return is_letter(c) || is_digit(c);
}

/// True if `text` is one digit or more, and nothing else.
[[nodiscard]] constexpr bool are_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_digit);
}

[[nodiscard]] constexpr char to_lower(char c) {
  return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
}

[[nodiscard]] constexpr char to_upper(char c) {
  return is_lower(c) ? static_cast<char>(c - 'a' + 'A') : c;
}

/// @return `text` with its ASCII letters in lower case
[[nodiscard]] inline std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), to_lower);
  return lower;
}

}  // namespace roktcached
