#include "config/load.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <sstream>
#include <system_error>

#include "config/mistakes.h"
#include "config/overrides.h"
#include "config/schema.h"
#include "config/table_reader.h"
#include "config/tables.h"
#include "core/http/fields.h"

namespace roktcached::config {

namespace {

constexpr std::string_view prefix = "ROKTCACHED_";
constexpr std::string_view config_variable = "ROKTCACHED_CONFIG";

Error refused(std::string context) {
  return {.code = ErrorCode::configuration,
          .source = ErrorSource::config,
          .retryable = false,
          .context = std::move(context)};
}

/// An environment variable's text as the kind of value that its setting takes.
RawValue from_environment(const std::string& text, ValueKind kind) {
  if (kind == ValueKind::text) return text;
  if (kind == ValueKind::boolean && (text == "true" || text == "false")) return text == "true";
  if (kind == ValueKind::integer) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size()) return value;
  }
  if (kind != ValueKind::list) return std::monostate();
  StringList list;
  std::istringstream stream(text);
  for (std::string element; std::getline(stream, element, ',');) list.emplace_back(http::trimmed(element));
  return list;
}

std::vector<std::string> sections() {
  std::vector<std::string> names = {"credential", "route"};
  for (const auto& setting : schema()) {
    if (std::ranges::find(names, setting.section) == names.end()) names.push_back(setting.section);
  }
  return names;
}

/// A table inside a section that needs the settings as they are after everything else.
bool is_read_last(std::string_view section, std::string_view key) {
  return section == "freshness" && key == "override";
}

/// Where each setting that was given was given: "FILE:LINE" or "$VARIABLE".
using Places = std::map<std::string, std::string>;

void read_section(const std::string& section, const toml::node& node, const std::string& file,
                  Settings& settings, Places& places, Mistakes& mistakes) {
  const toml::table* table = node.as_table();
  if (table == nullptr)
    return mistakes.add(place(file, node), section + ": accepted: a section, [" + section + "]");
  for (const auto& [key, value] : *table) {
    const std::string name(key.str());
    if (is_read_last(section, name)) continue;
    const Setting* setting = find_setting(section, name);
    places[section + "." + name] = place(file, value);
    if (setting == nullptr) {
      mistakes.add(place(file, value),
                   section + "." + name + ": no such key" + suggestion(name, keys_of(section)));
    } else if (!setting->set(settings, raw_value(value))) {
      mistakes.add(place(file, value),
                   setting->name() + " = " + shown(value) + ": accepted: " + setting->accepted);
    }
  }
}

/// The content of a file, or what the system says of it.
Result<std::string> content_of(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"), std::fclose);
  std::string content;
  std::array<char, 4096> buffer{};
  while (file) {
    const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), file.get());
    content.append(buffer.data(), size);
    if (size < buffer.size()) break;
  }
  if (!file || std::ferror(file.get()) != 0)
    return refused("cannot be read: " + std::generic_category().message(errno));
  return content;
}

/// The file as it stands; empty, as if it said nothing, where it is no TOML.
toml::table parse_file(const std::string& file, Mistakes& mistakes) {
  const auto content = content_of(file);
  if (!content) {
    mistakes.add(file, content.error().context);
    return {};
  }
  try {
    return toml::parse(*content, file);
  } catch (const toml::parse_error& error) {
    mistakes.add(file + ":" + std::to_string(error.source().begin.line), std::string(error.description()));
    return {};
  }
}

void read_file(const toml::table& root, const std::string& file, Settings& settings, Places& places,
               Mistakes& mistakes) {
  const auto known = sections();
  for (const auto& [key, node] : root) {
    const std::string section(key.str());
    if (section == "credential") {
      read_credentials(node, file, settings.credential, mistakes);
    } else if (section == "route") {
      read_routes(node, file, settings.routes, mistakes);
    } else if (std::ranges::find(known, section) != known.end()) {
      read_section(section, node, file, settings, places, mistakes);
    } else {
      mistakes.add(place(file, node), section + ": no such section" + suggestion(section, known));
    }
  }
}

/// The file's tables that build on the settings as file and environment made them.
void read_tables(const toml::table& root, const std::string& file, Settings& settings, Mistakes& mistakes) {
  if (const auto overrides = root["freshness"]["override"])
    read_overrides(*overrides.node(), file, settings, mistakes);
}

void read_environment(const Environment& environment, Settings& settings, Places& places,
                      Mistakes& mistakes) {
  std::vector<std::string> known = {std::string(config_variable)};
  for (const auto& setting : schema()) {
    known.push_back(setting.environment_name());
    const auto text = environment.get(known.back());
    if (text) places[setting.name()] = "$" + known.back();
    if (text && !setting.set(settings, from_environment(*text, setting.kind))) {
      mistakes.add("$" + known.back(), without_password(to_toml(*text)) + ": accepted: " + setting.accepted);
    }
  }
  for (const auto& name : environment.names()) {
    if (name.starts_with(prefix) && std::ranges::find(known, name) == known.end()) {
      mistakes.add("$" + name, "no such setting" + suggestion(name, known));
    }
  }
}

/// What only the settings together can tell.
void check_relations(const Settings& settings, const Places& places, Mistakes& mistakes) {
  const auto refuse = [&](const std::string& name, const std::string& what) {
    const auto at = places.find(name);
    at == places.end() ? mistakes.add(name, what) : mistakes.add(at->second, name + ": " + what);
  };
  const auto only_loopback = [&](const std::string& name, const Endpoint& endpoint) {
    if (endpoint.is_loopback()) return;
    refuse(name,
           to_string(endpoint) +
               " is beyond loopback: clients cannot be told apart yet, so everybody there could use the "
               "credential; accepted: 127.0.0.1, [::1], localhost");
  };
  const auto& addresses = settings.listen.addresses;
  for (const auto& endpoint : addresses) only_loopback("listen.addresses", endpoint);
  if (const auto& admin = settings.admin.address) {
    only_loopback("admin.address", *admin);
    const bool taken = admin->port != 0 && std::ranges::find(addresses, *admin) != addresses.end();
    if (taken)
      refuse("admin.address",
             to_string(*admin) + " is among listen.addresses; accepted: an address of its own");
  }
  const Url& url = settings.upstream.url;
  if (!url.tls && !Endpoint{url.host, url.port}.is_loopback()) {
    refuse(
        "upstream.url",
        to_string(url) + " would carry the credential in clear text; accepted: https, or http to loopback");
  }
}

std::string default_cache_file(const Environment& environment) {
  if (const auto folders = environment.get("CACHE_DIRECTORY"); folders && !folders->empty()) {
    return folders->substr(0, folders->find(':')) + "/roktcached.db";
  }
  if (const auto folder = environment.get("XDG_CACHE_HOME"); folder && !folder->empty())
    return *folder + "/roktcached/roktcached.db";
  if (const auto home = environment.get("HOME"); home && !home->empty())
    return *home + "/.cache/roktcached/roktcached.db";
  return "roktcached.db";
}

/// One override, with every key, whether it was given or taken from [freshness].
std::string override_toml(const caching::PolicyOverride& one) {
  std::string text = "\n[[freshness.override]]\n";
  if (!one.routes.empty()) text += "routes = " + to_toml(one.routes) + "\n";
  if (!one.accounts.empty()) text += "accounts = " + to_toml(one.accounts) + "\n";
  Settings settings;
  settings.freshness = one.policy;
  for (const auto& key : keys_of("freshness"))
    text += key + " = " + to_toml(find_setting("freshness", key)->get(settings)) + "\n";
  return text;
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

Environment process_environment() {
  return {[](const std::string& name) -> std::optional<std::string> {
            const char* value = std::getenv(name.c_str());  // read at start, before any thread
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
  settings.cache.file = default_cache_file(environment);
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
  read_tables(root, name, settings, mistakes);
  check_relations(settings, places, mistakes);
  if (!mistakes.empty()) return refused(mistakes.text());
  return settings;
}

std::string effective_toml(const Settings& settings) {
  std::string text;
  std::string section;
  for (const auto& setting : schema()) {
    if (setting.section != section) {
      section = setting.section;
      text += (text.empty() ? "[" : "\n[") + section + "]\n";
    }
    text += setting.key + " = " + to_toml(setting.get(settings)) + "\n";
  }
  for (const auto& one : settings.freshness_overrides) text += override_toml(one);
  const Credential& credential = settings.credential;
  const auto presence = [](const Secret& secret) { return secret.empty() ? "not set" : "set"; };
  text += "\n[[credential]]\nname = " + to_toml(credential.name) +
          "\napp_id_file = " + to_toml(credential.app_id_file) +
          "\napp_secret_file = " + to_toml(credential.app_secret_file) +
          "\n# app id: " + presence(credential.app_id) +
          "\n# app secret: " + presence(credential.app_secret) + "\n";
  for (const auto& route : settings.routes) {
    text += "\n[[route]]\nname = " + to_toml(route.name) + "\npath = " + to_toml(route.pattern) +
            "\nmethods = " + to_toml(route.methods) +
            "\ncache = " + to_toml(std::string(rokt::to_string(route.route_class))) +
            "\ngroupby = " + to_toml(route.groupby) + "\ninject_token = " + to_toml(route.inject_token) +
            "\n";
  }
  return text;
}

}  // namespace roktcached::config
