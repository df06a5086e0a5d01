#include "config/raw_value.h"

#include <array>
#include <charconv>
#include <string_view>

namespace roktcached::config {

namespace {

/// The shortest text that is read as the same number; with an exponent only where it would be very long.
std::string plain_number(double value) {
  std::array<char, 32> text{};
  auto written = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (written.ec != std::errc()) written = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), written.ptr};
}

std::string in_quotes(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      static constexpr std::string_view digits = "0123456789ABCDEF";
      result.append("\\u00").append(1, digits[static_cast<unsigned char>(c) >> 4]).append(1, digits[c & 15]);
      continue;
    }
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

}  // namespace

std::optional<double> number_of(const RawValue& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
  if (const auto* number = std::get_if<double>(&value)) return *number;
  return std::nullopt;
}

std::string to_toml(const RawValue& value) {
  if (const auto* boolean = std::get_if<bool>(&value)) return *boolean ? "true" : "false";
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  if (const auto* number = std::get_if<double>(&value)) return plain_number(*number);
  if (const auto* text = std::get_if<std::string>(&value)) return in_quotes(*text);
  std::string joined;
  if (const auto* elements = std::get_if<StringList>(&value)) {
    for (const auto& element : *elements) joined += (joined.empty() ? "" : ", ") + in_quotes(element);
  }
  return "[" + joined + "]";
}

}  // namespace roktcached::config
