#include "core/caching/key.h"

#include <xxhash.h>

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <charconv>
#include <tuple>

#include "core/rokt/date_range.h"

namespace roktcached::caching {

using http::QueryParameter;

namespace {

constexpr std::size_t max_rokt_version = 64;
constexpr std::size_t max_accept_language = 256;

Error refused(std::string context) {
  return {.code = ErrorCode::invalid_request,
          .source = ErrorSource::core,
          .retryable = false,
          .context = std::move(context)};
}

bool is_date(std::string_view name) {
  return name == "dateStart" || name == "dateEnd";
}

/// A date's canonical spelling, but only where its characters were sent as themselves: an encoded ':' stays
/// apart.
std::string_view canonical_value(const QueryParameter& parameter) {
  const bool plain = parameter.canonical_value == parameter.value;
  return is_date(parameter.name) && plain ? rokt::canonical_date(parameter.value) : parameter.canonical_value;
}

void append_query(std::string& text, std::span<const QueryParameter> parameters) {
  constexpr std::size_t usual_parameters = 16;
  boost::container::small_vector<const QueryParameter*, usual_parameters> sorted;
  for (const auto& parameter : parameters) sorted.push_back(&parameter);
  std::ranges::sort(std::span(sorted.data(), sorted.size()), {}, [](const QueryParameter* parameter) {
    return std::tie(parameter->canonical_name, parameter->has_value, parameter->canonical_value);
  });
  for (const auto* parameter : sorted) {
    text += parameter == sorted.front() ? '?' : '&';
    text += parameter->canonical_name;
    if (!parameter->has_value) continue;
    text += '=';
    text += canonical_value(*parameter);
  }
}

/// At least as long as PATH[?QUERY] will be: canonical forms are no longer than what was sent.
std::size_t longest_target(std::string_view path, std::span<const QueryParameter> parameters) {
  std::size_t size = path.size();
  for (const auto& parameter : parameters)
    size += parameter.canonical_name.size() + parameter.canonical_value.size() + 2;
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

Result<KeyFields> key_fields(const http::Fields& request) {
  KeyFields fields{"LATEST", request.combined("Accept-Language")};
  if (request.count("rokt-version") > 1) return refused("rokt-version: comes more than once; accepted: once");
  if (const auto version = request.find("rokt-version")) {
    if (version->size() > max_rokt_version || !http::is_token(*version)) {
      return refused("rokt-version: accepted: a token of at most 64 characters, e.g. alpha-20200701");
    }
    fields.rokt_version = std::string(*version);
  }
  if (fields.accept_language.size() > max_accept_language || !http::is_field_value(fields.accept_language)) {
    return refused("Accept-Language: accepted: at most 256 characters");
  }
  return fields;
}

std::string canonical_target(std::string_view path, std::span<const QueryParameter> parameters) {
  std::string target;
  target.reserve(longest_target(path, parameters));
  target += path;
  append_query(target, parameters);
  return target;
}

std::string_view target_of(const Key& key) {
  std::string_view rest = key.text();
  take_word(rest);
  return take_word(rest);
}

Key key_of(std::string_view credential, std::string_view path, std::span<const QueryParameter> parameters,
           const KeyFields& fields) {
  std::string text;
  text.reserve(credential.size() + longest_target(path, parameters) + fields.rokt_version.size() +
               fields.accept_language.size() + 3);
  text += credential;
  text += ' ';
  text += path;
  append_query(text, parameters);
  text += ' ';
  text += fields.rokt_version;
  if (!fields.accept_language.empty()) text.append(" ").append(fields.accept_language);
  return Key(text);
}

KeyColumns columns_of(const Key& key) {
  KeyColumns columns;
  std::string_view rest = key.text();
  columns.credential = take_word(rest);
  const std::string_view target = take_word(rest);
  columns.rokt_version = take_word(rest);
  columns.accept_language = rest;
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
  return columns;
}

}  // namespace roktcached::caching
