#include <algorithm>

#include "config/schema.h"

namespace roktcached::config {

std::string Setting::environment_name() const {
  std::string text = "ROKTCACHED_" + section + "_" + key;
  std::ranges::transform(text, text.begin(), [](char c) {
    if (c == '.') return '_';
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return text;
}

const Setting* find_setting(std::string_view section, std::string_view key) {
  const auto found =
      std::ranges::find_if(schema(), [&](const Setting& s) { return s.section == section && s.key == key; });
  return found == schema().end() ? nullptr : &*found;
}

bool is_section(std::string_view name) {
  return std::ranges::find(schema(), name, &Setting::section) != schema().end();
}

std::vector<std::string> keys_of(std::string_view section) {
  std::vector<std::string> keys;
  for (const auto& setting : schema()) {
    if (setting.section == section) keys.push_back(setting.key);
  }
  return keys;
}

}  // namespace roktcached::config
