#include "server/exchange/moved_fields.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

namespace roktcached::exchange {

namespace json = boost::json;

namespace {

constexpr std::size_t most_fields = 32;
constexpr std::size_t longest_text = std::size_t{256} << 10;

/// RFC 6901, section 3.
std::string escaped(std::string_view name) {
  std::string token;
  for (const char c : name) {
    if (c == '~') {
      token += "~0";
    } else if (c == '/') {
      token += "~1";
    } else {
      token += c;
    }
  }
  return token;
}

/// A nested value is named by its field alone: what is in it may be large.
json::value shown(const json::value* value) {
  if (value == nullptr) return nullptr;
  if (value->is_object()) return "{...}";
  if (value->is_array()) return "[...]";
  return *value;
}

class Comparison {
 public:
  void compare(const std::string& pointer, const json::value* before, const json::value* after) {
    if (before != nullptr && after != nullptr) {
      if (*before == *after) return;
      if (before->is_object() && after->is_object())
        return compare_objects(pointer, before->get_object(), after->get_object());
      if (before->is_array() && after->is_array())
        return compare_arrays(pointer, before->get_array(), after->get_array());
    }
    if (moved_.size() == most_fields) {
      ++more_;
      return;
    }
    moved_.push_back(json::object{{"field", pointer}, {"before", shown(before)}, {"after", shown(after)}});
  }

  std::string to_json() && {
    if (more_ > 0) moved_.push_back(json::object{{"more", more_}});
    return json::serialize(moved_);
  }

 private:
  void compare_objects(const std::string& pointer, const json::object& before, const json::object& after) {
    for (const auto& member : before)
      compare(pointer + "/" + escaped(member.key()), &member.value(), after.if_contains(member.key()));
    for (const auto& member : after) {
      if (!before.contains(member.key()))
        compare(pointer + "/" + escaped(member.key()), nullptr, &member.value());
    }
  }

  void compare_arrays(const std::string& pointer, const json::array& before, const json::array& after) {
    for (std::size_t i = 0; i < std::max(before.size(), after.size()); ++i)
      compare(pointer + "/" + std::to_string(i), before.if_contains(i), after.if_contains(i));
  }

  json::array moved_;
  std::size_t more_ = 0;
};

}  // namespace

std::string moved_fields(std::string_view before, std::string_view after) {
  if (std::max(before.size(), after.size()) > longest_text) return "[]";
  boost::system::error_code error;
  const json::value left = json::parse(before, error);
  if (error) return "[]";
  const json::value right = json::parse(after, error);
  if (error) return "[]";
  Comparison comparison;
  comparison.compare({}, &left, &right);
  return std::move(comparison).to_json();
}

}  // namespace roktcached::exchange
