#include "core/http/cache_control.h"

#include <algorithm>
#include <array>

#include "core/ascii.h"
#include "core/http/structured_fields.h"
#include "core/number.h"

namespace roktcached::http {

using std::chrono::seconds;

namespace {

constexpr seconds longest{std::int64_t{1} << 31};  // RFC 9111, section 1.2.2

/// A directive's argument without its quotes.
std::string_view unquoted(std::string_view text) {
  const bool quoted = text.size() >= 2 && text.front() == '"' && text.back() == '"';
  return quoted ? text.substr(1, text.size() - 2) : text;
}

seconds argument(std::string_view text) {
  return delta_seconds(unquoted(text)).value_or(seconds{0});
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
  if (equal_ignoring_case(name, "max-age")) keep_stricter(directives.max_age, argument(value), true);
  if (equal_ignoring_case(name, "min-fresh")) keep_stricter(directives.min_fresh, argument(value), false);
  if (equal_ignoring_case(name, "max-stale")) {
    keep_stricter(directives.max_stale, has_value ? argument(value) : seconds::max(), true);
  }
}

/// @return whether there are any: a directive that names no field is about all of the response
bool add_names(std::vector<std::string>& names, std::string_view list) {
  const std::size_t before = names.size();
  for (const auto name : list_members(list)) names.emplace_back(name);
  return names.size() > before;
}

/// If a directive comes with different values, none of them can be believed: 0 is the cautious one.
void keep_agreed(std::optional<seconds>& held, seconds value) {
  held = !held || *held == value ? value : seconds{0};
}

void read(std::string_view member, ResponseDirectives& directives) {
  const auto equals = member.find('=');
  const std::string_view name = member.substr(0, equals);
  const bool has_value = equals != std::string_view::npos;
  const std::string_view value = has_value ? member.substr(equals + 1) : std::string_view();
  // A directive that keeps answers from others counts also where a space makes it malformed; one that grants
  // a lifetime does not.
  const auto is = [name](std::string_view known) { return equal_ignoring_case(trimmed(name), known); };
  const auto grants = [name](std::string_view known) { return equal_ignoring_case(name, known); };
  if (is("no-store")) directives.no_store = true;
  if (grants("public")) directives.public_ = true;
  if (is("must-revalidate")) directives.must_revalidate = true;
  if (is("proxy-revalidate")) directives.proxy_revalidate = true;
  if (grants("must-understand")) directives.must_understand = true;
  if (is("no-cache") && !add_names(directives.withheld, unquoted(trimmed(value)))) directives.no_cache = true;
  if (is("private") && !add_names(directives.withheld, unquoted(trimmed(value))))
    directives.private_all = true;
  if (grants("max-age")) keep_agreed(directives.max_age, argument(value));
  if (grants("s-maxage")) keep_agreed(directives.s_maxage, argument(value));
  if (grants("stale-while-revalidate")) keep_agreed(directives.stale_while_revalidate, argument(value));
  if (grants("stale-if-error")) keep_agreed(directives.stale_if_error, argument(value));
}

/// @return false if the value is of the wrong type: the field is to be ignored
bool read_targeted(const DictionaryMember& member, ResponseDirectives& directives) {
  const auto* const flag = std::get_if<bool>(&member.value);
  const auto* const number = std::get_if<std::int64_t>(&member.value);
  const auto* const text = std::get_if<std::string>(&member.value);
  const auto set = [&](bool& target) {
    if (flag != nullptr) target = *flag;
    return flag != nullptr;
  };
  const auto set_seconds = [&](std::optional<seconds>& target) {
    if (number != nullptr) target = std::clamp(seconds{*number}, seconds{0}, longest);
    return number != nullptr;
  };
  const auto set_or_name = [&](bool& target) {
    if (text == nullptr) return set(target);
    if (!add_names(directives.withheld, *text)) target = true;
    return true;
  };
  const std::string& key = member.key;
  if (key == "no-store") return set(directives.no_store);
  if (key == "public") return set(directives.public_);
  if (key == "must-revalidate") return set(directives.must_revalidate);
  if (key == "proxy-revalidate") return set(directives.proxy_revalidate);
  if (key == "must-understand") return set(directives.must_understand);
  if (key == "no-cache") return set_or_name(directives.no_cache);
  if (key == "private") return set_or_name(directives.private_all);
  if (key == "max-age") return set_seconds(directives.max_age);
  if (key == "s-maxage") return set_seconds(directives.s_maxage);
  if (key == "stale-while-revalidate") return set_seconds(directives.stale_while_revalidate);
  if (key == "stale-if-error") return set_seconds(directives.stale_if_error);
  return true;
}

std::optional<ResponseDirectives> parse_targeted(const Fields& fields, std::string_view name) {
  if (!fields.contains(name)) return std::nullopt;
  const auto members = parse_dictionary(fields.combined(name));
  if (!members || members->empty()) return std::nullopt;
  ResponseDirectives directives;
  directives.targeted = true;
  for (const auto& member : *members) {
    if (!read_targeted(member, directives)) return std::nullopt;
  }
  return directives;
}

}  // namespace

std::optional<seconds> delta_seconds(std::string_view text) {
  if (!are_digits(text)) return std::nullopt;
  // The digits are too many for the number where there is none.
  return std::min(seconds{parse_number<std::int64_t>(text).value_or(longest.count())}, longest);
}

ResponseDirectives parse_response_directives(const Fields& fields) {
  static constexpr std::array<std::string_view, 2> target_list = {"Roktcached-Cache-Control",
                                                                  "CDN-Cache-Control"};
  for (const auto name : target_list) {
    if (const auto directives = parse_targeted(fields, name)) return *directives;
  }
  ResponseDirectives directives;
  for (const Field& field : fields.all()) {
    if (!equal_ignoring_case(field.name, "Cache-Control")) continue;
    for (const auto member : list_members(field.value)) read(member, directives);
  }
  return directives;
}

RequestDirectives parse_request_directives(const Fields& fields) {
  RequestDirectives directives;
  if (fields.contains("Cache-Control")) {
    for (const Field& field : fields.all()) {
      if (!equal_ignoring_case(field.name, "Cache-Control")) continue;
      for (const auto member : list_members(field.value)) read(member, directives);
    }
    return directives;
  }
  if (!fields.contains("Pragma")) return directives;
  for (const Field& field : fields.all()) {
    if (!equal_ignoring_case(field.name, "Pragma")) continue;
    for (const auto member : list_members(field.value)) {
      if (equal_ignoring_case(member, "no-cache")) directives.no_cache = true;
    }
  }
  return directives;
}

}  // namespace roktcached::http
