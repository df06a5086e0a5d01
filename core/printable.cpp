#include "core/printable.h"

#include <array>
#include <cstdint>

namespace roktcached {

namespace {

constexpr char32_t replacement = 0xFFFD;

bool is_plain(char c) {
  return c >= 0x20 && c < 0x7f;
}

struct Character {
  std::size_t size = 1;
  char32_t value = replacement;
};

/// The character at the front of a text, as RFC 3629, section 4 has it: the shortest form, no surrogates.
Character first_of(std::string_view text) {
  const auto octet = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = octet(0);
  if (lead < 0x80) return {1, lead};
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  constexpr std::array<char32_t, 5> least = {0, 0, 0x80, 0x800, 0x10000};
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return {};
  char32_t value = lead & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((octet(i) & 0xc0U) != 0x80) return {};
    value = (value << 6U) | (octet(i) & 0x3fU);
  }
  const bool surrogate = value >= 0xd800 && value < 0xe000;
  if (value < least.at(size) || value > 0x10ffff || surrogate) return {};
  return {size, value};
}

bool is_control(char32_t character) {
  return character < 0x20 || (character >= 0x7f && character < 0xa0);
}

}  // namespace

std::size_t printable_size(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    if (is_plain(text[at])) {
      ++at;
      continue;
    }
    const Character next = first_of(text.substr(at));
    const bool malformed = next.size == 1 && next.value == replacement;
    if (malformed || is_control(next.value)) return at;
    at += next.size;
  }
  return at;
}

Unprintable take_unprintable(std::string_view& text) {
  const Character taken = first_of(text);
  text.remove_prefix(taken.size);
  return {taken.size, taken.value};
}

std::string printable(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  append_printable(result, text);
  return result;
}

std::string printable_lines(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (true) {
    const auto end = text.find('\n');
    append_printable(result, text.substr(0, end));
    if (end == std::string_view::npos) return result;
    result += '\n';
    text.remove_prefix(end + 1);
  }
}

std::string printable_json(std::string_view json) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string result;
  result.reserve(json.size());
  while (!json.empty()) {
    const std::size_t size = printable_size(json);
    result.append(json.substr(0, size));
    json.remove_prefix(size);
    if (json.empty()) break;
    const std::string_view before = json;
    const Unprintable taken = take_unprintable(json);
    const auto value = static_cast<std::uint32_t>(taken.character);
    if (taken.is_control() && value >= 0x7f) {
      result.append("\\u00").append(1, digits[value >> 4U]).append(1, digits[value & 15U]);
    } else {
      result.append(before.substr(0, taken.size));  // the white space between JSON's tokens
    }
  }
  return result;
}

}  // namespace roktcached
