#include "server/proxy/report/json_diff.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

namespace roktcached::proxy {

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

/// A value that may be large is only hinted at.
json::value shown(const json::value* value) {
  constexpr std::size_t longest_shown = 100;
  if (value == nullptr) return nullptr;
  if (value->is_object()) return "{...}";
  if (value->is_array()) return json::string("[" + std::to_string(value->get_array().size()) + " elements]");
  if (value->is_string() && value->get_string().size() > longest_shown) return "[long text]";
  return *value;
}

class Comparison {
 public:
  void compare(const std::string& pointer, const json::value* before, const json::value* after) {
    if (before != nullptr && after != nullptr) {
      if (*before == *after) return;
      if (before->is_object() && after->is_object())
        return compare_objects(pointer, before->get_object(), after->get_object());
      const bool comparable =
          before->is_array() && after->is_array() && before->get_array().size() == after->get_array().size();
      if (comparable) return compare_arrays(pointer, before->get_array(), after->get_array());
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
    for (std::size_t i = 0; i < before.size(); ++i)
      compare(pointer + "/" + std::to_string(i), &before[i], &after[i]);
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

std::string names_of(std::string_view moved) {
  boost::system::error_code error;
  const json::value fields = json::parse(moved, error);
  std::string names;
  if (error || !fields.is_array()) return names;
  for (const json::value& field : fields.get_array()) {
    const json::value* const pointer = field.is_object() ? field.get_object().if_contains("field") : nullptr;
    if (pointer == nullptr || !pointer->is_string()) continue;
    if (!names.empty()) names += ", ";
    names += std::string_view(pointer->get_string());
  }
  return names;
}

}  // namespace roktcached::proxy
