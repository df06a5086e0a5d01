#include "core/http/vary.h"

#include <algorithm>

#include "core/ascii.h"

namespace roktcached::http {

namespace {

/// The request fields whose own definitions make them lists (#element, RFC 9110, section 5.6.1), where spaces
/// around the commas and empty members mean nothing, nor on how many lines the members stand. The table
/// leaves out the fields of one connection, which no Vary can be about, and Via, whose comments may hold
/// commas.
bool is_list(std::string_view name) {
  static constexpr FieldNames lists(
      "Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language",     // RFC 9110, section 12.5
      "Content-Encoding", "Content-Language", "If-Match", "If-None-Match",  // sections 8 and 13
      "Cache-Control", "Pragma",                                            // RFC 9111, section 5
      "A-IM",                                                               // RFC 3229, section 10.5.3
      "Access-Control-Request-Headers",                                     // Fetch, section 3.3.3
      "CDN-Loop", "Forwarded", "Prefer");                                   // RFC 8586, 7239 and 7240
  return lists.contain(name);
}

/// "de ; q=0.5" as "de;q=0.5": spaces may stand around the semicolon and nowhere else (RFC 9110, section
/// 12.4.2).
std::string language_range(std::string_view member) {
  std::string result;
  while (true) {
    const auto semicolon = member.find(';');
    result += lower_case(trimmed(member.substr(0, semicolon)));
    if (semicolon == std::string_view::npos) return result;
    result += ';';
    member.remove_prefix(semicolon + 1);
  }
}

/// "en, de" and "de, EN" are one wish; preferences are told by weights, not by order (RFC 9110, section
/// 12.5.4).
std::string language_wish(const std::string& value) {
  std::vector<std::string> members;
  for (const auto member : list_members(value)) members.push_back(language_range(member));
  std::ranges::sort(members);
  std::string wish;
  for (const auto& member : members) wish.append(wish.empty() ? "" : ",").append(member);
  return wish;
}

std::string list_value(const std::string& value) {
  std::string list;
  for (const auto member : list_members(value)) list.append(list.empty() ? "" : ",").append(member);
  return list;
}

/// Makes a value safe to stand between the separators of a line.
std::string escaped(std::string_view value) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string result;
  for (const char c : value) {
    if (c == '%' || c == '&' || c == '=' || c == ':') {
      const auto byte = static_cast<unsigned char>(c);
      result.append("%").append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
    } else {
      result += c;
    }
  }
  return result;
}

void append_values(std::string& line, std::string_view name, const Fields& request) {
  if (is_list(name)) {
    const std::string value = request.combined(name);
    const bool languages = equal_ignoring_case(name, "Accept-Language");
    line.append("=").append(escaped(languages ? language_wish(value) : list_value(value)));
    return;
  }
  for (const Field& field : request.all()) {
    if (equal_ignoring_case(field.name, name)) line.append(":").append(escaped(field.value));
  }
}

}  // namespace

Vary parse_vary(const Fields& response) {
  Vary vary;
  for (const Field& field : response.all()) {
    if (!equal_ignoring_case(field.name, "Vary")) continue;
    for (const auto member : list_members(field.value)) {
      if (member == "*") vary.any = true;
      vary.names.push_back(lower_case(member));
    }
  }
  std::ranges::sort(vary.names);
  const auto repeated = std::ranges::unique(vary.names);
  vary.names.erase(repeated.begin(), repeated.end());
  return vary;
}

std::string selecting_values(const std::vector<std::string>& names, const Fields& request) {
  std::string line;
  for (const auto& name : names) {
    line.append(line.empty() ? "" : "&").append(name);
    // An absent field and an empty one are not the same.
    if (request.contains(name)) append_values(line, name, request);
  }
  return line;
}

}  // namespace roktcached::http
