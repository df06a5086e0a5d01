#include "config/load.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <system_error>

#include "config/credentials.h"
#include "config/default_cache.h"
#include "config/mistakes.h"
#include "config/relations.h"
#include "config/schema.h"
#include "config/service_links.h"
#include "config/table_reader.h"
#include "config/tables.h"
#include "config/toml_file.h"
#include "core/http/fields.h"
#include "core/number.h"

namespace roktcached::config {

namespace {

constexpr std::string_view prefix = "ROKTCACHED_";
constexpr std::string_view config_variable = "ROKTCACHED_CONFIG";

Error not_loaded(std::string context) {
  return {.code = ErrorCode::configuration, .context = std::move(context)};
}

/// An environment variable's text as the kind of value that its setting takes.
RawValue from_environment(const std::string& text, ValueKind kind) {
  if (kind == ValueKind::text) return text;
  if (kind == ValueKind::boolean && (text == "true" || text == "false")) return text == "true";
  if (kind == ValueKind::integer) {
    if (const auto value = parse_number<std::int64_t>(text)) return *value;
  }
  if (kind == ValueKind::number) {
    if (const auto value = parse_number<double>(text)) return *value;
  }
  if (kind != ValueKind::list) return std::monostate();
  StringList list;
  std::istringstream stream(text);
  for (std::string element; std::getline(stream, element, ',');) list.emplace_back(http::trimmed(element));
  return list;
}

void add_once(std::vector<std::string>& names, std::string name) {
  if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
}

/// Tables that build on the settings as file and environment made them: read last, each by its own reader.
constexpr std::array<std::string_view, 4> late_tables = {"freshness.override", "client", "credential",
                                                         "warm"};

/// @param key  as the file has it: a dot in it makes no table in a table
bool is_late(const std::string& section, std::string_view key) {
  const std::string name = section.empty() ? std::string(key) : section + "." + std::string(key);
  return key.find('.') == std::string_view::npos && std::ranges::find(late_tables, name) != late_tables.end();
}

/// The names that may stand at the top of a file.
std::vector<std::string> sections() {
  std::vector<std::string> names = {"client", "credential", "route", "warm"};
  for (const auto& setting : schema()) add_once(names, setting.section.substr(0, setting.section.find('.')));
  return names;
}

/// The names that may stand in a section: its keys and its tables.
std::vector<std::string> names_in(const std::string& section) {
  std::vector<std::string> names = keys_of(section);
  const auto add_child = [&](std::string_view table) {
    if (!table.starts_with(section + ".")) return;
    table.remove_prefix(section.size() + 1);
    add_once(names, std::string(table.substr(0, table.find('.'))));
  };
  for (const auto& setting : schema()) add_child(setting.section);
  std::ranges::for_each(late_tables, add_child);
  return names;
}

/// The key that has replaced a key of earlier versions; empty for any other.
std::string successor_of(std::string_view name) {
  return name == "upstream.budget.shares" ? "[[client]] upstream_share" : "";
}

void read_section(const std::string& section, const toml::node& node, const std::string& file,
                  Settings& settings, Places& places, Mistakes& mistakes) {
  const toml::table* table = node.as_table();
  if (table == nullptr)
    return mistakes.add(place(file, node), section + ": accepted: a section, [" + section + "]");
  for (const auto& [key, value] : *table) {
    const std::string name = section + "." + std::string(key.str());
    const Setting* setting = find_setting(section, key.str());
    places[name] = {place(file, value)};
    if (is_section(name)) {
      read_section(name, value, file, settings, places, mistakes);
    } else if (const std::string successor = successor_of(name); !successor.empty()) {
      mistakes.add(place(file, value), name + ": is no more; accepted: " + successor);
    } else if (setting == nullptr && !is_late(section, key.str())) {
      mistakes.add(place(file, value),
                   name + ": no such key" + suggestion_or_all(key.str(), names_in(section)));
    } else if (setting != nullptr && !setting->set(settings, raw_value(value))) {
      places[name].refused = true;
      mistakes.add(place(file, value), name + " = " + shown(value) + ": accepted: " + setting->accepted);
    }
  }
}

void read_file(const toml::table& root, const std::string& file, Settings& settings, Places& places,
               Mistakes& mistakes) {
  const auto known = sections();
  for (const auto& [key, node] : root) {
    const std::string section(key.str());
    if (section == "route") {
      read_routes(node, file, settings.routes, mistakes);
    } else if (is_late("", section)) {
      continue;
    } else if (std::ranges::find(known, section) != known.end()) {
      read_section(section, node, file, settings, places, mistakes);
    } else {
      mistakes.add(place(file, node), section + ": no such section" + suggestion_or_all(section, known));
    }
  }
}

/// The late tables. The clients come before the credentials, whose budgets have their shares.
void read_late_tables(const toml::table& root, const std::string& file, Settings& settings,
                      Mistakes& mistakes) {
  if (const auto overrides = root["freshness"]["override"])
    read_overrides(*overrides.node(), file, settings, mistakes);
  if (const auto clients = root["client"]) read_clients(*clients.node(), file, settings, mistakes);
  settings.credentials.front().budget = settings.upstream.budget;
  if (const auto credentials = root["credential"])
    read_credentials(*credentials.node(), file, settings, mistakes);
  if (const auto warmings = root["warm"]) read_warmings(*warmings.node(), file, settings, mistakes);
}

void read_environment(const Environment& environment, Settings& settings, Places& places,
                      Mistakes& mistakes) {
  std::vector<std::string> known = {std::string(config_variable), std::string(fleet_password_variable)};
  for (const auto& setting : schema()) {
    known.push_back(setting.environment_name());
    const auto text = environment.get(known.back());
    if (text) places[setting.name()] = {"$" + known.back()};
    if (text && !setting.set(settings, from_environment(*text, setting.kind))) {
      places[setting.name()].refused = true;
      mistakes.add("$" + known.back(), without_password(to_toml(*text)) + ": accepted: " + setting.accepted);
    }
  }
  for (const auto& name : environment.names()) {
    const bool is_unknown = name.starts_with(prefix) && std::ranges::find(known, name) == known.end();
    if (is_unknown && !is_service_link(name, environment.get(name).value_or(""))) {
      mistakes.add("$" + name, "no such setting" + suggestion(name, known));
    }
  }
}

std::optional<std::string> find_file(const std::optional<std::string>& file, const Environment& environment) {
  if (file) return file;
  if (const auto named = environment.get(std::string(config_variable))) return named;
  for (const char* candidate : {"roktcached.toml", "/etc/roktcached/roktcached.toml"}) {
    if (::access(candidate, F_OK) == 0) return candidate;
  }
  return std::nullopt;
}

}  // namespace

/// Beside the cache file; empty if there is none.
std::string default_token_key_file(const std::string& cache_file) {
  if (cache_file.empty()) return "";
  return (std::filesystem::path(cache_file).parent_path() / "token.key").string();
}

Environment process_environment() {
  return {[](const std::string& name) -> std::optional<std::string> {
            const char* value = std::getenv(name.c_str());  // safe while nothing sets one, and we never do
            return value == nullptr ? std::nullopt : std::optional<std::string>(value);
          },
          [] {
            std::vector<std::string> names;
            for (char** entry = environ; *entry != nullptr; ++entry) {
              const std::string_view text(*entry);
              names.emplace_back(text.substr(0, text.find('=')));
            }
            return names;
          }};
}

Result<Settings> load(const std::optional<std::string>& file, const Environment& environment) {
  Settings settings;
  set_default_file(settings.cache, environment);
  Mistakes mistakes;
  Places places;
  const auto found = find_file(file, environment);
  if (found && found->empty()) {
    mistakes.add(file ? "--config" : "$" + std::string(config_variable), "is empty; accepted: a file's path");
  }
  const std::string name = found.value_or("");
  const toml::table root = name.empty() ? toml::table() : parse_file(name, mistakes);
  read_file(root, name, settings, places, mistakes);
  read_environment(environment, settings, places, mistakes);
  read_late_tables(root, name, settings, mistakes);
  if (settings.listen.token_key_file.empty())
    settings.listen.token_key_file = default_token_key_file(settings.cache.file);
  check_relations(settings, places, mistakes);
  if (!mistakes.empty()) return not_loaded(mistakes.text());
  if (places.contains("cache.file")) settings.cache.why_no_file.clear();
  for (const auto& [key, given] : places) settings.places.emplace(key, given.place);
  return settings;
}

Admin load_admin(const std::optional<std::string>& file, const Environment& environment) {
  Settings settings;
  Mistakes ignored;
  Places places;
  const std::string name = find_file(file, environment).value_or("");
  read_file(name.empty() ? toml::table() : parse_file(name, ignored), name, settings, places, ignored);
  read_environment(environment, settings, places, ignored);
  return settings.admin;
}

}  // namespace roktcached::config
