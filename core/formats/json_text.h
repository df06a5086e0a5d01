#pragma once

#include <string>
#include <string_view>

namespace roktcached::formats {

/// U+FEFF in UTF-8, which may stand before a text.
inline constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

/// A place in JSON text (RFC 8259) that walks from value to value, builds no tree and copies nothing. For
/// text that is known to be whole, as a stored report is. In other text it stops early, and never reads
/// beyond its end. A view: the text outlives it.
class JsonText {
 public:
  JsonText() = default;
  explicit JsonText(std::string_view text) : rest_(text) {}

  /// The first octet of what comes next, behind white space; '\0' at the end.
  [[nodiscard]] char peek();
  /// Takes one octet, behind white space.
  /// @return false: another one is there, or none
  bool take(char wanted);
  /// Takes the value that comes next, as it stands: a string with its quotes.
  /// @return empty if no whole value comes
  [[nodiscard]] std::string_view take_value();
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

/// A member of an object, as it stands.
struct JsonMember {
  std::string_view name;  ///< with its quotes
  std::string_view value;
};

/// Walks over the members of one object.
class JsonMembers {
 public:
  /// @param text  stands before the object's '{', which is taken; it outlives this, and is moved on
  explicit JsonMembers(JsonText& text) : text_(text), more_(text.take('{') && text.peek() != '}') {}
  /// Takes the next member.
  /// @return false at the end of the object, which is taken, too, and where the text breaks off
  [[nodiscard]] bool next(JsonMember& member);
  /// The same for a member whose value is the caller's to take.
  [[nodiscard]] bool next_name(std::string_view& name);

 private:
  JsonText& text_;
  bool more_;
};

/// Appends the text that a JSON string stands for, in UTF-8. Half of a surrogate pair has none, and becomes
/// U+FFFD. Octets that are no UTF-8 stay as they are.
/// @param string  with its quotes
void append_unescaped(std::string& text, std::string_view string);

/// Appends a value without the white space between its tokens: it is one line then.
void append_on_one_line(std::string& text, std::string_view value);

}  // namespace roktcached::formats
