#include "server/commands/json_values.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "core/printable.h"

namespace roktcached::commands {

namespace json = boost::json;

const json::value& value_at(const json::value& from, std::initializer_list<std::string_view> path) {
  static const json::value none;
  const json::value* at = &from;
  for (const std::string_view name : path) {
    const json::object* const object = at->if_object();
    at = object == nullptr ? nullptr : object->if_contains(name);
    if (at == nullptr) return none;
  }
  return *at;
}

double number_at(const json::value& from, std::initializer_list<std::string_view> path) {
  const json::value& value = value_at(from, path);
  return value.is_number() ? value.to_number<double>() : 0;
}

std::uint64_t count_at(const json::value& from, std::initializer_list<std::string_view> path) {
  const json::value& value = value_at(from, path);
  boost::system::error_code error;
  const auto count = value.is_number() ? value.to_number<std::uint64_t>(error) : 0;
  return error ? 0 : count;
}

std::string text_at(const json::value& from, std::initializer_list<std::string_view> path) {
  const json::string* const text = value_at(from, path).if_string();
  return text == nullptr ? std::string() : printable(std::string_view(*text));
}

const json::array& array_at(const json::value& from, std::initializer_list<std::string_view> path) {
  static const json::array none;
  const json::array* const array = value_at(from, path).if_array();
  return array == nullptr ? none : *array;
}

std::string json_text(const json::value& value) {
  return printable_json(json::serialize(value));
}

void print_moved(const json::array& moved) {
  for (const json::value& field : moved) {
    if (const std::uint64_t more = count_at(field, {"more"}); more > 0) {
      fmt::print("    and {} more\n", more);
    } else {
      fmt::print("    {}: {} -> {}\n", text_at(field, {"field"}), json_text(value_at(field, {"before"})),
                 json_text(value_at(field, {"after"})));
    }
  }
}

}  // namespace roktcached::commands
