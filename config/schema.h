#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/settings.h"
#include "core/error.h"

namespace roktcached::config {

using StringList = std::vector<std::string>;

/// A value as a TOML file holds it; std::monostate is one of a type that no setting has.
using RawValue = std::variant<std::monostate, bool, std::int64_t, double, std::string, StringList>;

/// What kind of raw value a setting takes: an environment variable, always text, is turned into it.
enum class ValueKind { text, integer, number, boolean, list };

/// One row of the table of settings: the file's keys, the environment's names, the check of unknown ones, the
/// effective print-out and the commented default file all come from this table.
struct Setting {
  std::string section;  ///< "listen", "upstream.budget"
  std::string key;
  ValueKind kind;
  std::string accepted;                                 ///< what an error says is accepted
  std::string help;                                     ///< one line, with what the value means
  std::function<bool(Settings&, const RawValue&)> set;  ///< false where the value is not acceptable
  std::function<RawValue(const Settings&)> get;

  [[nodiscard]] std::string name() const { return section + "." + key; }
  [[nodiscard]] std::string environment_name() const;  ///< ROKTCACHED_SECTION_KEY
};

/// Every setting of the plain sections, in the order of the default file. Built once; safe from any thread.
[[nodiscard]] const std::vector<Setting>& schema();

/// The setting of that section and key, or null.
[[nodiscard]] const Setting* find_setting(std::string_view section, std::string_view key);
[[nodiscard]] bool is_section(std::string_view name);
/// The keys of a section, in the order of the default file.
[[nodiscard]] std::vector<std::string> keys_of(std::string_view section);

/// The number that a whole or a fractional one is; empty for any other value.
[[nodiscard]] std::optional<double> number_of(const RawValue& value);

/// The value as TOML.
[[nodiscard]] std::string to_toml(const RawValue& value);

}  // namespace roktcached::config
