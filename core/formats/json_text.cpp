#include "core/formats/json_text.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "core/http/octets.h"

namespace roktcached::formats {

namespace {

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/// How long the string is that `text` begins with, quotes counted; 0 if it does not end.
std::size_t length_of_string(std::string_view text) {
  std::size_t at = 1;
  while (true) {
    at = text.find_first_of("\"\\", at);
    if (at == std::string_view::npos) return 0;
    if (text[at] == '"') return at + 1;
    at += 2;  // whatever is escaped does not end it
  }
}

/// How long the object or array is that `text` begins with; 0 if it does not end.
std::size_t length_of_nested(std::string_view text) {
  std::size_t depth = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"') {
      const std::size_t length = length_of_string(text.substr(at));
      if (length == 0) return 0;
      at += length - 1;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (--depth == 0) return at + 1;
    }
  }
  return 0;
}

constexpr char32_t replacement = 0xFFFD;

void append_utf8(std::string& text, char32_t c) {
  const auto part = [c](unsigned shift, unsigned lead) {
    return static_cast<char>(lead | ((c >> shift) & (lead == 0x80U ? 0x3FU : 0xFFU)));
  };
  if (c < 0x80) {
    text += static_cast<char>(c);
  } else if (c < 0x800) {
    text += {part(6, 0xC0), part(0, 0x80)};
  } else if (c < 0x10000) {
    text += {part(12, 0xE0), part(6, 0x80), part(0, 0x80)};
  } else {
    text += {part(18, 0xF0), part(12, 0x80), part(6, 0x80), part(0, 0x80)};
  }
}

/// The four hex digits behind "\u" at the front of `text`; empty if they are not there.
std::optional<char32_t> code_unit(std::string_view text) {
  if (text.size() < 6 || text[0] != '\\' || text[1] != 'u') return std::nullopt;
  char32_t unit = 0;
  for (const char digit : text.substr(2, 4)) {
    if (!http::is(http::Octet::hex_digit, digit)) return std::nullopt;
    unit = unit * 16 + http::hex_value(digit);
  }
  return unit;
}

/// Takes an escape in four hex digits off, or two that are one character.
char32_t take_character(std::string_view& text) {
  constexpr std::size_t escape = 6;
  const auto unit = code_unit(text);
  text.remove_prefix(std::min(text.size(), unit ? escape : 2U));
  if (!unit) return replacement;
  const bool first_half = *unit >= 0xD800 && *unit < 0xDC00;
  const bool second_half = *unit >= 0xDC00 && *unit < 0xE000;
  if (second_half) return replacement;
  if (!first_half) return *unit;
  const auto other = code_unit(text);
  if (!other || *other < 0xDC00 || *other >= 0xE000) return replacement;
  text.remove_prefix(escape);
  return 0x10000 + ((*unit - 0xD800) << 10) + (*other - 0xDC00);
}

char unescaped(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return c;
  }
}

}  // namespace

char JsonText::peek() {
  while (!rest_.empty() && is_space(rest_.front())) rest_.remove_prefix(1);
  return rest_.empty() ? '\0' : rest_.front();
}

bool JsonText::take(char wanted) {
  if (peek() != wanted || rest_.empty()) return false;
  rest_.remove_prefix(1);
  return true;
}

std::string_view JsonText::take_value() {
  const char first = peek();
  std::size_t length = 0;
  if (first == '"') {
    length = length_of_string(rest_);
  } else if (first == '{' || first == '[') {
    length = length_of_nested(rest_);
  } else {
    length = std::min(rest_.find_first_of(",]}: \n\r\t\"[{"), rest_.size());
  }
  const std::string_view value = rest_.substr(0, length);
  rest_.remove_prefix(length);
  return value;
}

bool JsonMembers::next_name(std::string_view& name) {
  if (!more_) return false;
  more_ = false;  // unless it turns out otherwise
  if (text_.peek() == ',') text_.take(',');
  if (text_.take('}')) return false;
  if (text_.peek() != '"') return false;
  name = text_.take_value();
  more_ = !name.empty() && text_.take(':');
  return more_;
}

bool JsonMembers::next(JsonMember& member) {
  if (!next_name(member.name)) return false;
  member.value = text_.take_value();
  more_ = !member.value.empty();
  return more_;
}

void append_unescaped(std::string& text, std::string_view string) {
  string.remove_prefix(1);
  string.remove_suffix(1);
  while (!string.empty()) {
    const std::size_t plain = std::min(string.find('\\'), string.size());
    text.append(string.substr(0, plain));
    string.remove_prefix(plain);
    if (string.size() < 2) return;
    if (string[1] == 'u') {
      append_utf8(text, take_character(string));
    } else {
      text += unescaped(string[1]);
      string.remove_prefix(2);
    }
  }
}

void append_on_one_line(std::string& text, std::string_view value) {
  while (!value.empty()) {
    const std::size_t plain = std::min(value.find_first_of("\" \n\r\t"), value.size());
    text.append(value.substr(0, plain));
    value.remove_prefix(plain);
    if (value.empty()) return;
    const std::size_t string = value.front() == '"' ? length_of_string(value) : 0;
    text.append(value.substr(0, string));
    value.remove_prefix(std::max<std::size_t>(string, 1));
  }
}

}  // namespace roktcached::formats
