#include "core/rokt/query_body.h"

#include <algorithm>
#include <array>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/serialize.hpp>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "core/edit_distance.h"
#include "core/rokt/date_range.h"
#include "core/rokt/sent_text.h"
#include "core/rokt/time_zone.h"

namespace roktcached::rokt {

namespace json = boost::json;

namespace {

constexpr std::string_view accepted = "one JSON object, e.g. {\"startDate\":\"2026-11-01\",...}";

Error refused(const std::string& what, std::string_view is_accepted) {
  return not_accepted("content", what, is_accepted);
}

/// A member of an object: its name and its value, both in canonical JSON.
using Member = std::pair<std::string, std::string>;

/// Writes each value in canonical form as soon as it is whole.
class Canonical {
 public:
  using Code = json::error_code;
  static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_array_size = max_object_size;
  static constexpr std::size_t max_key_size = max_object_size;
  static constexpr std::size_t max_string_size = max_object_size;

  static bool on_document_begin(Code&) { return true; }
  static bool on_document_end(Code&) { return true; }
  bool on_object_begin(Code&) { return open(); }
  bool on_array_begin(Code&) { return open(); }
  bool on_object_end(std::size_t, Code& code) {
    std::vector<Member> members = close();
    std::ranges::sort(members, {}, &Member::first);
    const auto twice = std::ranges::adjacent_find(members, {}, &Member::first);
    if (twice != members.end()) {
      twice_ = twice->first;
      code = json::error::syntax;
      return false;
    }
    std::string text = "{";
    for (const auto& [name, value] : members) {
      if (text.size() > 1) text += ',';
      text.append(name).append(":").append(value);
    }
    add(text + "}");
    if (open_.empty()) object_ = std::move(members);
    return true;
  }
  bool on_array_end(std::size_t, Code&) {
    std::string text = "[";
    for (const auto& [name, value] : close()) {
      if (text.size() > 1) text += ',';
      text += value;
    }
    add(text + "]");
    return true;
  }
  bool on_key_part(json::string_view part, std::size_t, Code&) { return take(part); }
  bool on_key(json::string_view part, std::size_t, Code&) {
    take(part);
    open_.back().name = quoted();
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, Code&) { return take(part); }
  bool on_string(json::string_view part, std::size_t, Code&) {
    take(part);
    add(quoted());
    return true;
  }
  bool on_number_part(json::string_view part, Code&) { return take(part); }
  bool on_int64(std::int64_t, json::string_view part, Code&) { return number(part); }
  bool on_uint64(std::uint64_t, json::string_view part, Code&) { return number(part); }
  bool on_double(double, json::string_view part, Code&) { return number(part); }
  bool on_bool(bool value, Code&) {
    add(value ? "true" : "false");
    return true;
  }
  bool on_null(Code&) {
    add("null");
    return true;
  }
  static bool on_comment_part(json::string_view, Code&) { return true; }
  static bool on_comment(json::string_view, Code&) { return true; }

  /// The whole text, once it has been read.
  [[nodiscard]] std::string take_text() { return std::move(text_); }
  /// The members of the outermost value, sorted; none where that is no object.
  [[nodiscard]] const std::vector<Member>& object() const { return object_; }
  [[nodiscard]] bool is_object() const { return text_.starts_with('{'); }
  /// The name that comes twice, where that is why it was refused.
  [[nodiscard]] const std::string& twice() const { return twice_; }

 private:
  struct Open {
    std::vector<Member> members;  // of an array: with empty names
    std::string name;             // of the member whose value comes next
  };

  bool open() {
    open_.emplace_back();
    return true;
  }
  std::vector<Member> close() {
    std::vector<Member> members = std::move(open_.back().members);
    open_.pop_back();
    return members;
  }
  bool take(json::string_view part) {
    pending_.append(part.data(), part.size());
    return true;
  }
  bool number(json::string_view part) {
    take(part);
    add(std::exchange(pending_, {}));
    return true;
  }
  std::string quoted() { return json::serialize(json::string_view(std::exchange(pending_, {}))); }
  void add(std::string value) {
    if (open_.empty()) {
      text_ = std::move(value);
    } else {
      open_.back().members.emplace_back(open_.back().name, std::move(value));
    }
  }

  std::vector<Open> open_;
  std::string pending_;  // of a name, a string or a number that comes in parts
  std::string text_;
  std::vector<Member> object_;
  std::string twice_;
};

std::string_view unquoted(std::string_view text) {
  return text.substr(1, text.size() - 2);
}

/// The value of a member that is a text without escapes, as dates and zones are.
std::optional<std::string_view> plain_text(const std::vector<Member>& object, std::string_view name) {
  const std::string wanted = '"' + std::string(name) + '"';
  const auto member = std::ranges::find(object, wanted, &Member::first);
  if (member == object.end()) return std::nullopt;
  const std::string_view value = member->second;
  if (value.size() < 2 || value.front() != '"' || value.find('\\') != std::string_view::npos)
    return std::nullopt;
  return unquoted(value);
}

std::optional<WallTime> range_end_of(const std::vector<Member>& object,
                                     const std::optional<TimeZone>& account_zone) {
  const auto end = DateParameter::parse(plain_text(object, "endDate").value_or(""));
  if (!end) return std::nullopt;
  const auto name = plain_text(object, "timezoneVariation");
  const auto zone = name ? TimeZone::find(*name) : account_zone;
  return range_end(*end, zone ? *zone : *TimeZone::find("Etc/GMT+12"));
}

constexpr std::array<std::string_view, 9> known_members = {
    "interval",         "startDate", "endDate",           "metrics",     "dimensions",
    "dimensionFilters", "orderBys",  "timezoneVariation", "currencyCode"};

/// The Reporting API's names, and others that are often meant, beside what the Query API calls them.
constexpr std::array<std::pair<std::string_view, std::string_view>, 8> other_names = {{
    {"datestart", "startDate"},
    {"dateend", "endDate"},
    {"currency", "currencyCode"},
    {"timezone", "timezoneVariation"},
    {"groupby", "dimensions"},
    {"filters", "dimensionFilters"},
    {"orderby", "orderBys"},
    {"granularity", "interval"},
}};

/// The known members in the form that `folded` makes.
constexpr std::array<std::string_view, 9> folded_members = {
    "interval",         "startdate", "enddate",           "metrics",     "dimensions",
    "dimensionfilters", "orderbys",  "timezonevariation", "currencycode"};

/// The member that somebody most likely meant by `name`; empty if it is right, or like none.
std::string_view nearly_known_member(std::string_view name) {
  constexpr std::size_t longest_member = 32;
  if (name.size() > longest_member || std::ranges::find(known_members, name) != known_members.end())
    return {};
  const std::string asked = folded(name);
  for (std::size_t i = 0; i < known_members.size(); ++i) {
    const std::string_view right = folded_members.at(i);
    // Names whose lengths are further apart need not be compared.
    const bool may_be_near = asked.size() + 1 >= right.size() && right.size() + 1 >= asked.size();
    if (may_be_near && edit_distance(asked, right) <= 1) return known_members.at(i);
  }
  for (const auto& [other, right] : other_names) {
    if (asked == other) return right;
  }
  return {};
}

}  // namespace

Result<QueryBody> read_query_body(std::string_view content, const ParameterRules& rules,
                                  const std::optional<TimeZone>& account_zone) {
  json::basic_parser<Canonical> parser{json::parse_options{}};
  json::error_code code;
  const std::size_t read = parser.write_some(false, content.data(), content.size(), code);
  Canonical& canonical = parser.handler();
  if (!canonical.twice().empty())
    return refused("member " + shown(unquoted(canonical.twice())) + " comes more than once", "once");
  if (code) return refused("is no JSON: " + code.message() + " at octet " + std::to_string(read), accepted);
  if (content.substr(read).find_first_not_of(" \t\r\n") != std::string_view::npos)
    return refused("more follows the JSON at octet " + std::to_string(read), accepted);
  if (!canonical.is_object()) return refused("is no JSON object", accepted);
  if (rules.validation == Validation::strict) {
    // Each member is compared with the known ones, which costs time. No real question has this many.
    constexpr std::size_t most_members = 64;
    const std::size_t members = canonical.object().size();
    if (members > most_members) return refused("has " + std::to_string(members) + " members", "at most 64");
    for (const auto& [name, value] : canonical.object()) {
      const std::string_view right = nearly_known_member(unquoted(name));
      if (!right.empty()) return refused("member " + shown(unquoted(name)), right);
    }
  }
  const auto range_end = range_end_of(canonical.object(), account_zone);
  return QueryBody{canonical.take_text(), range_end};
}

}  // namespace roktcached::rokt
