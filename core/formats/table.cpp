#include "core/formats/table.h"

#include <utility>

namespace roktcached::formats {

namespace {

Error no_table(std::string why) {
  return {
      .code = ErrorCode::not_acceptable,
      .context = "the answer is no table: " + std::move(why) +
                 "; accepted as a table: objects, an array of objects, or an object whose member items or "
                 "data is one; it can be had as application/json"};
}

std::string_view kind_of(char first) {
  switch (first) {
    case '"':
      return "a string";
    case '[':
      return "an array";
    case '{':
      return "an object";
    case 't':
    case 'f':
      return "true or false";
    case 'n':
      return "null";
    default:
      return "a number";
  }
}

/// Moves `text` behind the '[' of the rows' array, where an object has it as a member.
bool find_rows(JsonText& text) {
  JsonText inside = text;
  JsonMembers members(inside);
  std::string_view name;
  while (members.next_name(name)) {
    const bool wanted = name == R"("items")" || name == R"("data")";
    if (wanted && inside.take('[')) {
      text = inside;
      return true;
    }
    if (inside.take_value().empty()) return false;
  }
  return false;
}

}  // namespace

Result<Rows> Rows::of(std::string_view body) {
  if (body.starts_with(byte_order_mark)) body.remove_prefix(byte_order_mark.size());
  JsonText text(body);
  if (text.take('[')) return Rows(text, true, false);
  if (text.peek() != '{') return no_table("it is " + std::string(kind_of(text.peek())));
  const bool in_array = find_rows(text);
  return Rows(text, in_array, in_array);
}

Result<std::string_view> Rows::next() {
  if (ended_) return std::string_view();
  if (taken_ > 0) text_.take(',');
  if (in_array_ ? text_.take(']') : text_.peek() == '\0') return end();
  ++taken_;
  if (text_.peek() == '\0') return no_table("it breaks off");
  if (text_.peek() != '{')
    return no_table("element " + std::to_string(taken_) + " of it is " + std::string(kind_of(text_.peek())));
  const std::string_view row = text_.take_value();
  if (row.empty()) return no_table("it breaks off");
  return row;
}

/// Takes the rest of the value. More text behind it would be another value.
Result<std::string_view> Rows::end() {
  ended_ = true;
  while (in_object_ && text_.take(',')) {
    if (text_.take_value().empty() || !text_.take(':') || text_.take_value().empty())
      return no_table("it breaks off");
  }
  if (in_object_ && !text_.take('}')) return no_table("it breaks off");
  if (text_.peek() != '\0') return no_table("it has more than one JSON value");
  return std::string_view();
}

std::size_t Columns::add(std::string_view name, std::size_t guess) {
  if (guess < spellings_.size() && spellings_[guess] == name) return guess;
  std::string text;
  append_unescaped(text, name);
  const auto known = places_.find(text);
  if (known != places_.end()) return known->second;
  if (names_.size() == most) return most;
  names_.push_back(text);
  spellings_.push_back(name);
  places_.emplace(std::move(text), names_.size() - 1);
  return names_.size() - 1;
}

std::size_t Columns::place_of(std::string_view name, std::size_t guess) const {
  if (guess < spellings_.size() && spellings_[guess] == name) return guess;
  std::string text;
  append_unescaped(text, name);
  return places_.at(text);
}

}  // namespace roktcached::formats
