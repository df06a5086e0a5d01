#include "core/http/accept_encoding.h"

#include <algorithm>
#include <optional>

#include "core/http/quality.h"

namespace roktcached::http {

namespace {

struct Member {
  std::string_view coding;
  int quality = 1000;
};

Member parse_member(std::string_view text) {
  const auto semicolon = text.find(';');
  if (semicolon == std::string_view::npos) return {text};
  Member member{trimmed(text.substr(0, semicolon))};
  const std::string_view parameter = trimmed(text.substr(semicolon + 1));
  const bool weighted = equal_ignoring_case(parameter.substr(0, 2), "q=");
  member.quality = weighted ? parse_quality(parameter.substr(2)).value_or(0) : 0;
  return member;
}

}  // namespace

bool prefers_gzip(const Fields& request) {
  std::optional<int> gzip;
  std::optional<int> identity;
  std::optional<int> any;
  const auto take = [](std::optional<int>& known, int quality) {
    known = known ? std::min(*known, quality) : quality;
  };
  for (const Field& field : request.all()) {
    if (!equal_ignoring_case(field.name, "Accept-Encoding")) continue;
    for (const auto text : list_members(field.value)) {
      const Member member = parse_member(text);
      if (equal_ignoring_case(member.coding, "gzip") || equal_ignoring_case(member.coding, "x-gzip")) {
        take(gzip, member.quality);
      } else if (equal_ignoring_case(member.coding, "identity")) {
        take(identity, member.quality);
      } else if (member.coding == "*") {
        take(any, member.quality);
      }
    }
  }
  const int of_gzip = gzip ? *gzip : any.value_or(0);
  return of_gzip > 0 && of_gzip >= identity.value_or(0);
}

}  // namespace roktcached::http
