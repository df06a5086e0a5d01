#pragma once

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace roktcached::commands {

/// The value at a path of members: null if there is none. A daemon of another version may lack some.
[[nodiscard]] const boost::json::value& value_at(const boost::json::value& from,
                                                 std::initializer_list<std::string_view> path);

/// The same as a number; 0 if there is none.
[[nodiscard]] double number_at(const boost::json::value& from, std::initializer_list<std::string_view> path);
/// The same as a count; 0 if there is none.
[[nodiscard]] std::uint64_t count_at(const boost::json::value& from,
                                     std::initializer_list<std::string_view> path);
/// The same as a text for people, see core/printable.h; empty if there is none.
[[nodiscard]] std::string text_at(const boost::json::value& from,
                                  std::initializer_list<std::string_view> path);
/// The same as an array; an empty one where there is none.
[[nodiscard]] const boost::json::array& array_at(const boost::json::value& from,
                                                 std::initializer_list<std::string_view> path);

/// A value as JSON that may be shown on a terminal.
[[nodiscard]] std::string json_text(const boost::json::value& value);

/// Prints which fields a restatement has moved, from what to what, a line each.
void print_moved(const boost::json::array& moved);

}  // namespace roktcached::commands
