#include "core/http/cache_control.h"

#include <algorithm>
#include <charconv>

namespace roktcached::http {

using std::chrono::seconds;

namespace {

constexpr seconds longest{std::int64_t{1} << 31};  // RFC 9111, section 1.2.2

seconds delta_seconds(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool digits = !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) return seconds{0};
  return error == std::errc() ? std::min(seconds{value}, longest) : longest;
}

/// Keeps the more restrictive of two values of a repeated directive.
void keep_stricter(std::optional<seconds>& held, seconds value, bool smaller_restricts) {
  held = !held ? value : smaller_restricts ? std::min(*held, value) : std::max(*held, value);
}

void read(std::string_view member, RequestDirectives& directives) {
  const auto equals = member.find('=');
  const std::string_view name = trimmed(member.substr(0, equals));
  const bool has_value = equals != std::string_view::npos;
  const std::string_view value = has_value ? trimmed(member.substr(equals + 1)) : std::string_view();
  if (equal_ignoring_case(name, "no-cache")) directives.no_cache = true;
  if (equal_ignoring_case(name, "no-store")) directives.no_store = true;
  if (equal_ignoring_case(name, "only-if-cached")) directives.only_if_cached = true;
  if (equal_ignoring_case(name, "max-age")) keep_stricter(directives.max_age, delta_seconds(value), true);
  if (equal_ignoring_case(name, "min-fresh"))
    keep_stricter(directives.min_fresh, delta_seconds(value), false);
  if (equal_ignoring_case(name, "max-stale")) {
    keep_stricter(directives.max_stale, has_value ? delta_seconds(value) : seconds::max(), true);
  }
}

}  // namespace

RequestDirectives parse_request_directives(const Fields& fields) {
  RequestDirectives directives;
  bool any = false;
  for (const Field& field : fields.all()) {
    if (!equal_ignoring_case(field.name, "Cache-Control")) continue;
    any = true;
    for (const auto member : list_members(field.value)) read(member, directives);
  }
  if (any) return directives;
  for (const Field& field : fields.all()) {
    if (!equal_ignoring_case(field.name, "Pragma")) continue;
    for (const auto member : list_members(field.value)) {
      if (equal_ignoring_case(member, "no-cache")) directives.no_cache = true;
    }
  }
  return directives;
}

}  // namespace roktcached::http
