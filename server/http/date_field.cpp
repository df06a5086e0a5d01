#include "server/http/date_field.h"

#include <string_view>

#include "core/http/date.h"

namespace roktcached::http {

namespace {

bool has_date_line(std::string_view lines) {
  static constexpr std::string_view name = "Date:";
  while (!http::equal_ignoring_case(lines.substr(0, name.size()), name)) {
    const auto end = lines.find('\n');
    if (end == std::string_view::npos) return false;
    lines.remove_prefix(end + 1);
  }
  return true;
}

}  // namespace

/// Date comes first in a hit's head, so the search ends at once.
bool has_date(const Answer& answer) {
  return has_date_line(answer.head) || has_date_line(answer.shared_head);
}

void append_date(std::string& head, WallTime now) {
  head.append("Date: ").append(http::format_date(now)).append("\r\n");
}

}  // namespace roktcached::http
