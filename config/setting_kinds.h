#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/schema.h"

namespace roktcached::config {

// Makers of the schema's rows, one for each kind of value. A row's name is "section.key"; its field is where
// the settings keep the value.

template <class Value>
using Field = std::function<Value&(Settings&)>;

/// A setting's value, read through the same function that gives access to write it.
template <class Value>
Value read(const Field<Value>& field, const Settings& settings) {
  return field(const_cast<Settings&>(settings));
}

template <class Value>
Setting make(std::string_view name, ValueKind kind, std::string_view accepted, Field<Value> field,
             std::function<std::optional<Value>(const RawValue&)> parse,
             std::function<RawValue(const Value&)> show) {
  const auto dot = name.rfind('.');
  return {std::string(name.substr(0, dot)),
          std::string(name.substr(dot + 1)),
          kind,
          std::string(accepted),
          [field, parse](Settings& settings, const RawValue& raw) {
            auto value = parse(raw);
            if (value) field(settings) = std::move(*value);
            return value.has_value();
          },
          [field, show](const Settings& settings) { return show(read(field, settings)); }};
}

/// Adapts a reader of text to a raw value that must be text.
template <class Value>
auto from_text(std::optional<Value> (*parse)(std::string_view)) {
  return [parse](const RawValue& raw) -> std::optional<Value> {
    const auto* text = std::get_if<std::string>(&raw);
    return text == nullptr ? std::nullopt : parse(*text);
  };
}

/// A value that may be missing, for which `none` stands.
template <class Value>
Setting value_or(std::string_view none, std::string_view name, std::string_view accepted,
                 Field<std::optional<Value>> field, std::optional<Value> (*parse)(std::string_view),
                 std::function<std::string(const Value&)> show) {
  return make<std::optional<Value>>(
      name, ValueKind::text, accepted, std::move(field),
      [none, parse](const RawValue& raw) -> std::optional<std::optional<Value>> {
        const auto* text = std::get_if<std::string>(&raw);
        if (text == nullptr) return std::nullopt;
        auto value = *text == none ? std::nullopt : parse(*text);
        if (!value && *text != none) return std::nullopt;
        return std::optional<std::optional<Value>>(std::in_place, std::move(value));
      },
      [none, show](const std::optional<Value>& value) -> RawValue {
        return value ? show(*value) : std::string(none);
      });
}

[[nodiscard]] Setting duration(std::string_view name, Field<std::chrono::milliseconds> field,
                               std::chrono::milliseconds least = std::chrono::milliseconds{1},
                               std::optional<std::chrono::milliseconds> most = std::nullopt);
[[nodiscard]] Setting size(std::string_view name, Field<std::uint64_t> field, std::uint64_t least,
                           std::uint64_t most);
[[nodiscard]] Setting count(std::string_view name, Field<std::uint64_t> field, std::int64_t least,
                            std::int64_t most);
/// Zero, or a number between limits.
[[nodiscard]] Setting rate(std::string_view name, Field<double> field, double least, double most);
[[nodiscard]] Setting text(std::string_view name, std::string_view accepted, Field<std::string> field);
[[nodiscard]] Setting boolean(std::string_view name, Field<bool> field);

/// One of a few names.
template <class Value>
Setting choice(std::string_view name, std::vector<std::pair<std::string, Value>> values, Field<Value> field) {
  std::string accepted;
  for (const auto& [word, value] : values) accepted += (accepted.empty() ? "\"" : ", \"") + word + "\"";
  return make<Value>(
      name, ValueKind::text, accepted, std::move(field),
      [values](const RawValue& raw) -> std::optional<Value> {
        const auto* word = std::get_if<std::string>(&raw);
        if (word == nullptr) return std::nullopt;
        const auto found = std::ranges::find(values, *word, &std::pair<std::string, Value>::first);
        return found == values.end() ? std::nullopt : std::optional(found->second);
      },
      [values](const Value& value) -> RawValue {
        return std::ranges::find(values, value, &std::pair<std::string, Value>::second)->first;
      });
}

/// A list whose elements `parse` reads one by one.
template <class Element>
Setting list(std::string_view name, std::string_view accepted, Field<std::vector<Element>> field,
             std::function<std::optional<Element>(const std::string&)> parse,
             std::function<std::string(const Element&)> show, std::size_t least) {
  return make<std::vector<Element>>(
      name, ValueKind::list, accepted, std::move(field),
      [parse, least](const RawValue& raw) -> std::optional<std::vector<Element>> {
        const auto* elements = std::get_if<StringList>(&raw);
        if (elements == nullptr || elements->size() < least) return std::nullopt;
        std::vector<Element> parsed;
        for (const auto& element : *elements) {
          auto value = parse(element);
          if (!value || std::ranges::find(parsed, *value) != parsed.end()) return std::nullopt;
          parsed.push_back(std::move(*value));
        }
        return parsed;
      },
      [show](const std::vector<Element>& values) -> RawValue {
        StringList shown;
        for (const auto& value : values) shown.push_back(show(value));
        return shown;
      });
}

}  // namespace roktcached::config
