#include "core/http/target.h"

#include <algorithm>
#include <array>

#include "core/http/fields.h"

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

/// RFC 3986, section 5.2.4.
std::string without_dot_segments(std::string_view path) {
  std::vector<std::string_view> kept;
  bool ends_in_slash = false;
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const auto segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    ends_in_slash = segment == "." || segment == "..";
    if (segment == "..") {
      if (!kept.empty()) kept.pop_back();
    } else if (segment != ".") {
      kept.push_back(segment);
    }
  }
  std::string result;
  for (const auto segment : kept) result.append("/").append(segment);
  if (ends_in_slash || result.empty()) result += '/';
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

std::optional<std::string> resolve_reference(std::string_view reference, std::string_view base_target,
                                             const std::vector<std::string>& hosts) {
  reference = trimmed(reference.substr(0, reference.find('#')));
  const auto scheme_end = reference.find("://");
  const bool has_scheme = scheme_end != std::string_view::npos && scheme_end < reference.find_first_of("/?");
  if (has_scheme || reference.starts_with("//")) {
    std::string_view rest = reference.substr(has_scheme ? scheme_end + 3 : 2);
    const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
    const bool known = std::ranges::any_of(
        hosts, [&](const std::string& host) { return equal_ignoring_case(host, authority); });
    if (!known) return std::nullopt;
    reference = rest.substr(authority.size());
    if (reference.empty()) return "/";
  }
  const std::string_view base_path = base_target.substr(0, base_target.find('?'));
  std::string target;
  if (reference.empty()) {
    target = base_target;
  } else if (reference.front() == '/') {
    target = reference;
  } else if (reference.front() == '?') {
    target = std::string(base_path).append(reference);
  } else {
    target = std::string(base_path.substr(0, base_path.rfind('/') + 1)).append(reference);
  }
  const auto query = std::min(target.find('?'), target.size());
  std::string resolved = without_dot_segments(std::string_view(target).substr(0, query));
  resolved += target.substr(query);
  if (!parse_target(resolved)) return std::nullopt;
  return resolved;
}

}  // namespace roktcached::http
