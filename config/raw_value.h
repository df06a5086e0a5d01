#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace roktcached::config {

using StringList = std::vector<std::string>;

/// A value as a TOML file holds it; std::monostate is one of a type that no setting has.
using RawValue = std::variant<std::monostate, bool, std::int64_t, double, std::string, StringList>;

/// The kind of raw value that a setting takes: an environment variable, always text, is turned into it.
enum class ValueKind { text, integer, number, boolean, list };

/// The number that a whole or a fractional one is; empty for any other value.
[[nodiscard]] std::optional<double> number_of(const RawValue& value);

/// The value as TOML.
[[nodiscard]] std::string to_toml(const RawValue& value);

}  // namespace roktcached::config
