#include "core/http/target.h"

#include <algorithm>
#include <array>

namespace roktcached::http {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

/// pchar / "/" / "?" of RFC 3986, section 3.4, '%' apart, and the brackets that many clients leave unencoded
/// in queries.
bool is_allowed(char c) {
  return is_unreserved(c) || std::string_view("!$&'()*+,;=:@/?[]").find(c) != std::string_view::npos;
}

Error refused(std::string why) {
  return {.code = ErrorCode::invalid_request,
          .source = ErrorSource::core,
          .retryable = false,
          .context = "target: " + std::move(why)};
}

/// `text` with its percent-encoded octets decoded: all of them, or only the unreserved ones.
std::string decoded(std::string_view text, bool only_unreserved) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%' || i + 2 >= text.size()) {
      result += text[i];
      continue;
    }
    const char octet = static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
    if (only_unreserved && !is_unreserved(octet)) {
      result.append(text.substr(i, 3));
    } else {
      result += octet;
    }
    i += 2;
  }
  return result;
}

}  // namespace

Result<Target> parse_target(std::string_view text) {
  if (!text.starts_with('/')) return refused("accepted: a path that begins with '/', with an optional query");
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      const bool whole = i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0;
      if (!whole)
        return refused("a '%' at offset " + std::to_string(i) + " without two hex digits behind it");
    } else if (!is_allowed(text[i])) {
      return refused("the byte at offset " + std::to_string(i) + " must be percent-encoded");
    }
  }
  const auto question = text.find('?');
  if (question == std::string_view::npos) return Target{text, {}};
  return Target{text.substr(0, question), text.substr(question + 1)};
}

std::vector<QueryParameter> parse_query(std::string_view query) {
  std::vector<QueryParameter> parameters;
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    const auto equals = pair.find('=');
    const bool has_value = equals != std::string_view::npos;
    const std::string_view name = pair.substr(0, equals);
    const std::string_view value = has_value ? pair.substr(equals + 1) : std::string_view();
    parameters.push_back(
        {decoded(name, false), decoded(value, false), decoded(name, true), decoded(value, true), has_value});
    if (end == query.size()) break;
    query.remove_prefix(end + 1);
    if (query.empty()) parameters.push_back({});  // "a=1&" ends in an empty parameter
  }
  return parameters;
}

}  // namespace roktcached::http
