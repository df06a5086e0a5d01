#include "core/http/structured_fields.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>

#include "core/ascii.h"

namespace roktcached::http {

namespace {

bool is_token_byte(char c) {
  return is_letter_or_digit(c) || std::string_view("!#$%&'*+-.^_`|~:/").find(c) != std::string_view::npos;
}
bool is_key_byte(char c) {
  return is_lower(c) || is_digit(c) || c == '_' || c == '-' || c == '.' || c == '*';
}

/// A recursive-descent parser over RFC 8941, section 4.2. Every read_ function returns false on the first
/// error, and the whole field is void then.
class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  bool read_dictionary(std::vector<DictionaryMember>& members) {
    std::unordered_map<std::string, std::size_t> places;  // of keys in `members`
    rest_ = rest_.substr(0, rest_.find_last_not_of(' ') + 1);
    skip(" ");
    while (!rest_.empty()) {
      DictionaryMember member;
      if (!read_member(member)) return false;
      const auto [place, is_new] = places.try_emplace(member.key, members.size());
      if (is_new) {
        members.push_back(std::move(member));
      } else {
        members[place->second] = std::move(member);
      }
      const std::string_view before = rest_;
      skip(" \t");
      if (rest_.empty()) return before.find('\t') == std::string_view::npos;
      if (!take(',')) return false;
      skip(" \t");
      if (rest_.empty()) return false;  // a trailing comma
    }
    return true;
  }

 private:
  void skip(std::string_view bytes) {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(bytes), rest_.size()));
  }
  [[nodiscard]] bool at(char c) const { return !rest_.empty() && rest_.front() == c; }
  bool take(char c) {
    if (!at(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  template <class Predicate>
  std::string_view take_while(Predicate allowed) {
    const auto end = std::ranges::find_if_not(rest_, allowed);
    const auto word = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(word.size());
    return word;
  }

  bool read_key(std::string& key) {
    if (rest_.empty() || (!is_lower(rest_.front()) && rest_.front() != '*')) return false;
    key = take_while(is_key_byte);
    return true;
  }

  bool read_member(DictionaryMember& member) {
    if (!read_key(member.key)) return false;
    member.value = true;
    if (take('=') && !(at('(') ? read_inner_list(member.value) : read_bare_item(member.value))) return false;
    return read_parameters();
  }

  bool read_parameters() {
    while (take(';')) {
      skip(" ");
      std::string key;
      DictionaryValue ignored;
      if (!read_key(key)) return false;
      if (take('=') && !read_bare_item(ignored)) return false;
    }
    return true;
  }

  bool read_inner_list(DictionaryValue& value) {
    take('(');
    while (!rest_.empty()) {
      skip(" ");
      if (take(')')) {
        value = std::monostate();
        return true;
      }
      DictionaryValue ignored;
      if (!read_bare_item(ignored) || !read_parameters()) return false;
      if (!at(' ') && !at(')')) return false;
    }
    return false;
  }

  bool read_bare_item(DictionaryValue& value) {
    if (rest_.empty()) return false;
    const char first = rest_.front();
    if (first == '-' || is_digit(first)) return read_number(value);
    if (first == '"') return read_string(value);
    if (first == ':') return read_byte_sequence(value);
    if (first == '?') return read_boolean(value);
    value = std::monostate();
    if (first != '*' && !is_letter(first)) return false;
    take_while(is_token_byte);
    return true;
  }

  bool read_number(DictionaryValue& value) {
    const bool negative = take('-');
    const std::string_view whole = take_while(is_digit);
    if (whole.empty() || whole.size() > 15) return false;
    if (take('.')) {
      const std::string_view fraction = take_while(is_digit);
      value = std::monostate();
      return whole.size() <= 12 && !fraction.empty() && fraction.size() <= 3;
    }
    std::int64_t number = 0;
    for (const char digit : whole) number = number * 10 + (digit - '0');
    value = negative ? -number : number;
    return true;
  }

  bool read_string(DictionaryValue& value) {
    take('"');
    std::string text;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') {
        value = std::move(text);
        return true;
      }
      if (c == '\\') {
        if (!at('"') && !at('\\')) return false;
        text += rest_.front();
        rest_.remove_prefix(1);
      } else if (c < 0x20 || c > 0x7e) {
        return false;
      } else {
        text += c;
      }
    }
    return false;
  }

  bool read_byte_sequence(DictionaryValue& value) {
    take(':');
    take_while([](char c) { return is_letter(c) || is_digit(c) || c == '+' || c == '/' || c == '='; });
    value = std::monostate();
    return take(':');
  }

  bool read_boolean(DictionaryValue& value) {
    take('?');
    if (!at('0') && !at('1')) return false;
    value = at('1');
    rest_.remove_prefix(1);
    return true;
  }

  std::string_view rest_;
};

}  // namespace

std::optional<std::vector<DictionaryMember>> parse_dictionary(std::string_view text) {
  std::vector<DictionaryMember> members;
  if (!Parser(text).read_dictionary(members)) return std::nullopt;
  return members;
}

}  // namespace roktcached::http
