#include "core/http/range.h"

#include <algorithm>
#include <charconv>

#include "core/ascii.h"
#include "core/http/date.h"
#include "core/http/validators.h"

namespace roktcached::http {

namespace {

/// Digits only; one too large to hold is the largest number.
std::optional<std::uint64_t> position(std::string_view text) {
  if (!are_digits(text)) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() ? value : UINT64_MAX;
}

bool if_range_holds(const Fields& request, const Fields& stored, WallTime now) {
  const auto condition = request.find("If-Range");
  if (!condition) return true;
  if (condition->starts_with('"')) return stored.find("ETag") == condition;
  if (!modified_well_before(stored, std::nullopt, now)) return false;
  return parse_date(*condition, now) == parse_date(*stored.find("Last-Modified"), now);
}

}  // namespace

RangeRequest range_of(const Fields& request, const Fields& stored, std::uint64_t length, WallTime now) {
  if (request.count("Range") != 1 || !if_range_holds(request, stored, now)) return {};
  std::string_view set = *request.find("Range");
  const auto equals = set.find('=');
  if (equals == std::string_view::npos || !equal_ignoring_case(trimmed(set.substr(0, equals)), "bytes"))
    return {};
  set = trimmed(set.substr(equals + 1));
  const auto dash = set.find('-');
  if (dash == std::string_view::npos) return {};
  const auto first = position(set.substr(0, dash));
  const auto last = position(set.substr(dash + 1));
  const bool open_ended = dash + 1 == set.size();
  using Kind = RangeRequest::Kind;
  if (dash == 0) {  // the last so many bytes
    if (!last) return {};
    if (*last == 0 || length == 0) return {Kind::unsatisfiable, 0, 0};
    return {Kind::satisfiable, length - std::min(*last, length), length - 1};
  }
  if (!first || (!last && !open_ended) || (last && *last < *first)) return {};
  if (*first >= length) return {Kind::unsatisfiable, 0, 0};
  return {Kind::satisfiable, *first, last ? std::min(*last, length - 1) : length - 1};
}

}  // namespace roktcached::http
