#include "core/http/vary.h"

#include <algorithm>

namespace roktcached::http {

namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

std::string without_spaces(std::string_view text) {
  std::string result(text);
  std::erase_if(result, [](char c) { return c == ' ' || c == '\t'; });
  return result;
}

/// "en, de" and "de, EN" are one wish; preferences are told by weights, not by order (RFC 9110, section
/// 12.5.4).
std::string language_wish(const std::string& value) {
  std::vector<std::string> members;
  for (const auto member : list_members(value)) members.push_back(lower(without_spaces(member)));
  std::ranges::sort(members);
  std::string wish;
  for (const auto& member : members) wish.append(wish.empty() ? "" : ",").append(member);
  return wish;
}

std::string plain_value(const std::string& value) {
  std::string plain;
  for (const auto member : list_members(value)) plain.append(plain.empty() ? "" : ",").append(member);
  return plain;
}

/// Makes a value safe to stand between the separators of a line.
std::string escaped(std::string_view value) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string result;
  for (const char c : value) {
    if (c == '%' || c == '&' || c == '=') {
      const auto byte = static_cast<unsigned char>(c);
      result.append("%").append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
    } else {
      result += c;
    }
  }
  return result;
}

}  // namespace

Vary parse_vary(const Fields& response) {
  Vary vary;
  for (const Field& field : response.all()) {
    if (!equal_ignoring_case(field.name, "Vary")) continue;
    for (const auto member : list_members(field.value)) {
      if (member == "*") vary.any = true;
      vary.names.push_back(lower(member));
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
    if (!request.contains(name)) continue;
    const std::string value = request.combined(name);
    line.append("=").append(escaped(name == "accept-language" ? language_wish(value) : plain_value(value)));
  }
  return line;
}

}  // namespace roktcached::http
