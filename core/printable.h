#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace roktcached {

/// Something that a terminal may take for a command, or shows as nothing: a control character (Unicode's Cc:
/// U+0000 to U+001F, U+007F to U+009F), or an octet that is no UTF-8, since some terminals take one of 0x80
/// to 0x9f alone for a control character.
struct Unprintable {
  std::size_t size = 0;    ///< in octets
  char32_t character = 0;  ///< U+FFFD for an octet that is no UTF-8
  [[nodiscard]] bool is_control() const { return character != 0xFFFD; }
};

/// How many octets at the front of `text` are printable; its size where all are.
[[nodiscard]] std::size_t printable_size(std::string_view text);

/// Takes the unprintable character at the front of `text`.
/// @pre printable_size is 0, and there is text
[[nodiscard]] Unprintable take_unprintable(std::string_view& text);

/// Appends `text` for people to read, on a terminal too: control characters become spaces, other unprintable
/// octets question marks.
/// @param to  anything with append(begin, end) and push_back(char)
template <class Text>
void append_printable(Text& to, std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = printable_size(text);
    to.append(text.data(), text.data() + size);
    text.remove_prefix(size);
    if (!text.empty()) to.push_back(take_unprintable(text).is_control() ? ' ' : '?');
  }
}

/// The same as a text of its own.
[[nodiscard]] std::string printable(std::string_view text);

/// The same, with its line feeds.
[[nodiscard]] std::string printable_lines(std::string_view text);

/// JSON that reads the same (RFC 8259, section 7), with the control characters that JSON leaves as they are,
/// U+007F to U+009F, as escapes.
/// @param json  valid, and in UTF-8; such characters can only stand in its strings
[[nodiscard]] std::string printable_json(std::string_view json);

}  // namespace roktcached
