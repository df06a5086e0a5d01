#include "core/http/accept.h"

#include <algorithm>

#include "core/http/quality.h"

namespace roktcached::http {

namespace {

/// How closely a media range fits; 0: not at all.
int closeness(std::string_view range, std::string_view media_type) {
  if (equal_ignoring_case(range, media_type)) return 3;
  if (range == "*/*") return 1;
  const auto slash = media_type.find('/') + 1;
  const bool of_its_kind = range.size() == slash + 1 && range.back() == '*' &&
                           equal_ignoring_case(range.substr(0, slash), media_type.substr(0, slash));
  return of_its_kind ? 2 : 0;
}

/// The weight behind a media range.
int quality_of(std::string_view parameters) {
  while (!parameters.empty()) {
    const auto semicolon = std::min(parameters.find(';'), parameters.size());
    const std::string_view parameter = trimmed(parameters.substr(0, semicolon));
    parameters.remove_prefix(std::min(semicolon + 1, parameters.size()));
    if (equal_ignoring_case(parameter.substr(0, 2), "q="))
      return parse_quality(parameter.substr(2)).value_or(0);
  }
  constexpr int whole = 1000;
  return whole;
}

}  // namespace

Wanted wanted(const Fields& request, std::string_view media_type) {
  constexpr int whole = 1000;
  int closest = 0;
  bool asks = false;
  Wanted result;
  for (const Field& field : request.all()) {
    if (!equal_ignoring_case(field.name, "Accept")) continue;
    asks = true;
    for (const auto text : list_members(field.value)) {
      const auto semicolon = std::min(text.find(';'), text.size());
      const int fits = closeness(trimmed(text.substr(0, semicolon)), media_type);
      if (fits <= closest) continue;
      closest = fits;
      result = {quality_of(text.substr(std::min(semicolon + 1, text.size()))), fits == 3};
    }
  }
  return asks ? result : Wanted{whole, false};
}

}  // namespace roktcached::http
