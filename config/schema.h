#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "config/raw_value.h"
#include "config/settings.h"

namespace roktcached::config {

/// One row of the table of settings. The file's keys, the environment's names, the check of unknown ones and
/// the effective print-out come from this table. What each setting means is said in roktcached.toml; tests
/// compare it with the table.
struct Setting {
  std::string section;  ///< "listen", "upstream.budget"
  std::string key;
  ValueKind kind;
  std::string accepted;                                 ///< what an error says is accepted
  std::function<bool(Settings&, const RawValue&)> set;  ///< false if the value is not acceptable
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

}  // namespace roktcached::config
