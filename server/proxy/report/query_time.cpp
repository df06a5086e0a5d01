#include "server/proxy/report/query_time.h"

#include <algorithm>

namespace roktcached::proxy {

namespace {

constexpr std::string_view space_in_json = " \t\r\n";
constexpr std::string_view query_time_name = "\"queryTimeMs\"";

/// The string that begins at `at`, with its quotes.
std::string_view string_at(std::string_view json, std::size_t at) {
  std::size_t end = at + 1;
  while (end < json.size() && json[end] != '"') end += json[end] == '\\' ? 2U : 1U;
  return json.substr(at, end + 1 - at);
}

/// The number that is the value of the name which ends at `at`; empty if another kind of value is.
std::string_view number_after(std::string_view json, std::size_t at) {
  at = json.find_first_not_of(space_in_json, at);
  if (at == std::string_view::npos || json[at] != ':') return {};
  at = std::min(json.find_first_not_of(space_in_json, at + 1), json.size());
  const std::size_t end = std::min(json.find_first_not_of("0123456789+-.eE", at), json.size());
  return json.substr(at, end - at);
}

/// The value of a top-level `queryTimeMs`: a view into the body, empty if there is none.
std::string_view query_time_in(std::string_view body) {
  std::size_t depth = 0;
  for (std::size_t at = 0; at < body.size(); ++at) {
    const char c = body[at];
    if (c == '"') {
      const std::string_view text = string_at(body, at);
      at += text.size() - 1;
      if (depth != 1 || text != query_time_name) continue;
      if (const std::string_view number = number_after(body, at + 1); !number.empty()) return number;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return {};
}

}  // namespace

std::string without_query_time(std::string_view body) {
  std::string without(body);
  const std::string_view time = query_time_in(body);
  if (!time.empty()) without.replace(static_cast<std::size_t>(time.data() - body.data()), time.size(), "0");
  return without;
}

bool same_but_for_query_time(std::string_view left, std::string_view right) {
  return left == right || without_query_time(left) == without_query_time(right);
}

}  // namespace roktcached::proxy
