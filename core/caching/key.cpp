#include "core/caching/key.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <boost/container/small_vector.hpp>
#include <charconv>
#include <tuple>
#include <utility>

#include "core/rokt/date_range.h"
#include "core/rokt/sent_text.h"
#include "core/rokt/time_zone.h"

namespace roktcached::caching {

using http::QueryParameter;

namespace {

constexpr std::size_t max_rokt_version = 64;

Error refused(std::string context) {
  return {.code = ErrorCode::invalid_request, .context = std::move(context)};
}

/// In a canonical query the parameters of every report come first, in the order of the API's page.
enum class Place { date_start, date_end, currency, time_zone, behind_these };

Place place_of(std::string_view name) {
  static constexpr std::array<std::string_view, 4> first = {"dateStart", "dateEnd", "currency",
                                                            "timeZoneVariation"};
  return static_cast<Place>(std::ranges::find(first, name) - first.begin());
}

bool is_moment(Place place, std::string_view value) {
  return place <= Place::date_end && value.find('T') != std::string_view::npos &&
         rokt::DateParameter::parse(value).has_value();
}

/// In the name of a zone a '+' is a '+' however it was sent ("Etc/GMT+6"): no zone has a space.
bool is_zone_with_plus(Place place, std::string_view value) {
  return place == Place::time_zone && value.find('+') != std::string_view::npos &&
         rokt::TimeZone::find(value).has_value();
}

void append_value(std::string& text, Place place, const QueryParameter& parameter) {
  if (is_moment(place, parameter.value)) {
    text += rokt::canonical_date(parameter.value);
  } else if (is_zone_with_plus(place, parameter.value)) {
    for (const char c : parameter.canonical_value) c == '+' ? text.append("%2B") : text.append(1, c);
  } else {
    text += parameter.canonical_value;
  }
}

void append_query(std::string& text, std::span<const QueryParameter> parameters) {
  constexpr std::size_t usual_parameters = 16;
  boost::container::small_vector<std::pair<Place, const QueryParameter*>, usual_parameters> sorted;
  for (const auto& parameter : parameters) sorted.emplace_back(place_of(parameter.name), &parameter);
  const auto before = [](const auto& left, const auto& right) {
    const auto rest = [](const QueryParameter& parameter) {
      return std::tie(parameter.canonical_name, parameter.has_value, parameter.canonical_value);
    };
    if (left.first != right.first) return left.first < right.first;
    return rest(*left.second) < rest(*right.second);
  };
  // Mostly they come in the order of the API's page.
  if (!std::ranges::is_sorted(sorted, before))
    std::ranges::sort(std::span(sorted.data(), sorted.size()), before);
  const QueryParameter* const first = sorted.empty() ? nullptr : sorted.front().second;
  for (const auto& [place, parameter] : sorted) {
    text += parameter == first ? '?' : '&';
    text += parameter->canonical_name;
    if (!parameter->has_value) continue;
    text += '=';
    append_value(text, place, *parameter);
  }
}

/// At least as long as PATH[?QUERY] will be, but for a zone with more than one '+'.
std::size_t longest_target(std::string_view path, std::span<const QueryParameter> parameters) {
  constexpr std::size_t longest_fraction = std::string_view(".fff").size();
  std::size_t size = path.size();
  for (const auto& parameter : parameters)
    size += parameter.canonical_name.size() + parameter.canonical_value.size() + longest_fraction + 2;
  return size;
}

/// The next word of a key's text; `rest` loses it.
std::string_view take_word(std::string_view& rest) {
  const auto space = std::min(rest.find(' '), rest.size());
  const auto word = rest.substr(0, space);
  rest.remove_prefix(std::min(space + 1, rest.size()));
  return word;
}

}  // namespace

std::string to_hex(const KeyHash& hash) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const std::uint64_t half : {hash.high, hash.low}) {
    for (int shift = 60; shift >= 0; shift -= 4) text += digits[(half >> shift) & 15];
  }
  return text;
}

std::optional<KeyHash> key_hash_of_hex(std::string_view text) {
  constexpr std::size_t digits_of_half = 16;
  if (text.size() != 2 * digits_of_half) return std::nullopt;
  KeyHash hash;
  for (auto* half : {&hash.high, &hash.low}) {
    const char* const end = text.data() + digits_of_half;
    const auto [stopped_at, error] = std::from_chars(text.data(), end, *half, 16);
    if (error != std::errc{} || stopped_at != end) return std::nullopt;
    text.remove_prefix(digits_of_half);
  }
  return hash;
}

Key::Key(std::string_view text) : text_(text) {
  const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
  hash_ = {hash.high64, hash.low64};
}

Result<std::string> requested_version(const http::Fields& request) {
  if (request.count("rokt-version") > 1) return refused("rokt-version: comes more than once; accepted: once");
  const auto version = request.find("rokt-version");
  if (!version) return std::string(latest_version);
  if (version->size() > max_rokt_version || !http::is_token(*version))
    return refused("rokt-version: " + rokt::shown(*version) +
                   "; accepted: a token of at most 64 characters, e.g. alpha-20200701");
  return std::string(*version);
}

std::string canonical_target(std::string_view path, std::span<const QueryParameter> parameters) {
  std::string target;
  target.reserve(longest_target(path, parameters));
  target += path;
  append_query(target, parameters);
  return target;
}

KeyParts parts_of(const Key& key) {
  KeyParts parts;
  std::string_view rest = key.text();
  parts.credential = take_word(rest);
  parts.target = take_word(rest);
  parts.rokt_version = take_word(rest);
  parts.content = rest;
  return parts;
}

std::string_view target_of(const Key& key) {
  return parts_of(key).target;
}

Key key_of(std::string_view credential, std::string_view path, std::span<const QueryParameter> parameters,
           std::string_view rokt_version, std::string_view content) {
  // The key copies it: a thread keeps its room for the next one.
  static thread_local std::string text;
  text.reserve(credential.size() + longest_target(path, parameters) + rokt_version.size() + content.size() +
               3);
  text = credential;
  text += ' ';
  text += path;
  append_query(text, parameters);
  text += ' ';
  text += rokt_version;
  if (!content.empty()) text.append(1, ' ').append(content);
  return Key(text);
}

KeyColumns columns_of(const Key& key) {
  KeyColumns columns;
  const auto [credential, target, rokt_version, content] = parts_of(key);
  columns.credential = credential;
  columns.rokt_version = rokt_version;
  const auto question = std::min(target.find('?'), target.size());
  columns.path = target.substr(0, question);
  for (const auto& parameter : http::parse_query(target.substr(std::min(question + 1, target.size())))) {
    if (parameter.name == "dateStart") {
      columns.date_start = parameter.value;
    } else if (parameter.name == "dateEnd") {
      columns.date_end = parameter.value;
    } else if (parameter.name == "currency") {
      columns.currency = parameter.value;
    } else if (parameter.name == "timeZoneVariation") {
      columns.time_zone = parameter.value;
    } else {
      std::string& others = columns.other_parameters;
      others.append(others.empty() ? "" : "&").append(parameter.canonical_name);
      if (parameter.has_value) others.append("=").append(parameter.canonical_value);
    }
  }
  if (!content.empty()) {
    std::string& others = columns.other_parameters;
    others.append(others.empty() ? "" : " ").append(content);
  }
  return columns;
}

}  // namespace roktcached::caching
