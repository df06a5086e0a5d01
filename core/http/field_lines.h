#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "core/http/fields.h"

namespace roktcached::http {

/// "Name: value\r\n" for every field, in order.
/// @param fields  a range of Field, which is gone through twice
template <class FieldRange>
[[nodiscard]] std::string lines_of(const FieldRange& fields) {
  constexpr std::size_t added_to_each = 4;
  std::size_t size = 0;
  for (const Field& field : fields) size += field.name.size() + field.value.size() + added_to_each;
  std::string lines(size, '\0');
  char* at = lines.data();
  const auto append = [&at](std::string_view text) { at = std::copy_n(text.data(), text.size(), at); };
  for (const Field& field : fields) {
    append(field.name);
    append(": ");
    append(field.value);
    append("\r\n");
  }
  return lines;
}

/// The value of the first of these lines, as lines_of writes them, that has this name; empty if there is
/// none.
[[nodiscard]] inline std::string_view value_in_lines(std::string_view lines, std::string_view name) {
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find("\r\n"));
    const auto colon = line.find(": ");
    if (colon != std::string_view::npos && equal_ignoring_case(line.substr(0, colon), name))
      return line.substr(colon + 2);
    lines.remove_prefix(std::min(line.size() + 2, lines.size()));
  }
  return {};
}

}  // namespace roktcached::http
