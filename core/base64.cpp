#include "core/base64.h"

#include <cstdint>

namespace roktcached {

namespace {

/// The digits' value, or -1; `plus` and `slash` are what stands for the last two.
int digit_of(char c, char plus, char slash) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == plus) return 62;
  return c == slash ? 63 : -1;
}

std::optional<std::string> decoded(std::string_view text, char plus, char slash) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t bits = 0;
  unsigned held = 0;  // so many of `bits` are not written yet
  for (const char c : text) {
    const int digit = digit_of(c, plus, slash);
    if (digit < 0) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes += static_cast<char>(bits >> held & 0xff);
  }
  if ((bits & ((1U << held) - 1)) != 0) return std::nullopt;
  return bytes;
}

/// @param digits  the alphabet
std::string encoded(std::string_view bytes, std::string_view digits) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);  // leaves no copy behind: there may be a secret in it
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    for (held += 8; held >= 6;) {
      held -= 6;
      text += digits[bits >> held & 63];
    }
  }
  if (held > 0) text += digits[bits << (6 - held) & 63];
  return text;
}

}  // namespace

std::string to_base64url(std::string_view bytes) {
  return encoded(bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
}

std::optional<std::string> from_base64url(std::string_view text) {
  return decoded(text, '-', '_');
}

std::string to_base64(std::string_view bytes) {
  std::string text = encoded(bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
  text.append((4 - text.size() % 4) % 4, '=');
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  const std::size_t size = text.find_last_not_of('=') + 1;
  const std::size_t padding = text.size() - size;
  if (padding > 0 && (padding > 2 || text.size() % 4 != 0)) return std::nullopt;
  return decoded(text.substr(0, size), '+', '/');
}

}  // namespace roktcached
