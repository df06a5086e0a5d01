#include "server/http/answer_head.h"

#include <array>
#include <boost/beast/http/status.hpp>
#include <charconv>
#include <limits>
#include <string_view>

#include "core/http/date.h"

namespace roktcached::http {

namespace beast_http = boost::beast::http;

namespace {

/// The lines of nearly all answers, ready.
std::string_view common_line(unsigned status) {
  switch (status) {
    case 200:
      return "HTTP/1.1 200 OK\r\n";
    case 304:
      return "HTTP/1.1 304 Not Modified\r\n";
    case 404:
      return "HTTP/1.1 404 Not Found\r\n";
    default:
      return {};
  }
}

void append_number(std::string& text, std::uint64_t number) {
  std::array<char, std::numeric_limits<std::uint64_t>::digits10 + 1> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  text.append(digits.data(), end);
}

bool has_date_line(std::string_view lines) {
  static constexpr std::string_view name = "Date:";
  while (!equal_ignoring_case(lines.substr(0, name.size()), name)) {
    const auto end = lines.find('\n');
    if (end == std::string_view::npos) return false;
    lines.remove_prefix(end + 1);
  }
  return true;
}

}  // namespace

std::string_view reason_of(unsigned status) {
  if (status == 103) return "Early Hints";
  const auto known = beast_http::int_to_status(status);
  return known == beast_http::status::unknown ? std::string_view()
                                              : std::string_view(beast_http::obsolete_reason(known));
}

void append_status_line(std::string& head, unsigned status) {
  if (const auto ready = common_line(status); !ready.empty()) {
    head += ready;
    return;
  }
  head += "HTTP/1.1 ";
  append_number(head, status);
  head.append(" ").append(reason_of(status)).append("\r\n");
}

void append_field(std::string& head, std::string_view name, std::uint64_t number) {
  head.append(name).append(": ");
  append_number(head, number);
  head += "\r\n";
}

/// Date comes first in a hit's head, so the search ends at once.
bool has_date(const Answer& answer) {
  return has_date_line(answer.head) || has_date_line(answer.shared_head);
}

void append_date(std::string& head, WallTime now) {
  head.append("Date: ").append(format_date(now)).append("\r\n");
}

}  // namespace roktcached::http
