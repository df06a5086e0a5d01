#include "config/tables.h"

#include <algorithm>
#include <utility>

#include "config/schema.h"
#include "config/table_reader.h"

namespace roktcached::config {

namespace {

const std::string overrides_section = "freshness.override";

bool is_governed(const rokt::Route& route) {
  return rokt::is_kept_by_lifetimes(route.route_class);
}

/// The routes of one override. A name that nothing has, or that [freshness] has no say in, is a mistake.
StringList read_route_names(TableReader& reader, const toml::table& table, const std::string& file,
                            const std::vector<rokt::Route>& known, Mistakes& mistakes) {
  StringList names = reader.list("routes", {}, R"(["account-summary"])");
  StringList governed;
  for (const auto& route : known) {
    if (is_governed(route)) governed.push_back(route.name);
  }
  for (auto name = names.begin(); name != names.end(); ++name) {
    const auto refuse = [&](const std::string& what) {
      mistakes.add(place(file, *table.get("routes")),
                   overrides_section + ".routes: " + to_toml(*name) + what);
    };
    const auto route = std::ranges::find(known, *name, &rokt::Route::name);
    if (route == known.end()) {
      refuse(": no such route" + suggestion(*name, governed));
    } else if (!is_governed(*route)) {
      refuse(" is a route of cache = \"" + std::string(rokt::to_string(route->route_class)) +
             "\", in which freshness has no say; accepted: routes of cache = \"report\" or \"metadata\"");
    } else if (std::find(names.begin(), name, *name) != name) {
      refuse(" is there twice; accepted: each once");
    }
  }
  return names;
}

caching::PolicyOverride read_override(const toml::table& table, const std::string& file,
                                      const Settings& settings, const std::vector<rokt::Route>& known,
                                      Mistakes& mistakes) {
  TableReader reader(overrides_section, table, file, mistakes);
  StringList keys = {"routes", "accounts"};
  std::ranges::move(keys_of("freshness"), std::back_inserter(keys));
  reader.check_keys(keys);
  caching::PolicyOverride result;
  result.routes = read_route_names(reader, table, file, known, mistakes);
  result.accounts = reader.accounts();
  Settings changed;
  changed.freshness = settings.freshness;
  reader.set_each("freshness", changed);
  result.policy = changed.freshness;
  return result;
}

/// Whether the table has that key with anything but an empty list, right or wrong.
bool names_any(const toml::table& table, std::string_view key) {
  const toml::node* node = table.get(key);
  return node != nullptr && !(node->is_array() && node->as_array()->empty());
}

}  // namespace

void read_overrides(const toml::node& node, const std::string& file, Settings& settings, Mistakes& mistakes) {
  const toml::array* tables = tables_of(overrides_section, node, file, mistakes);
  if (tables == nullptr) return;
  const std::vector<rokt::Route> known = rokt::all_routes(settings.routes);
  for (const toml::node& element : *tables) {
    const toml::table& table = *element.as_table();
    if (!names_any(table, "routes") && !names_any(table, "accounts"))
      mistakes.add(place(file, element),
                   overrides_section + ": is for every request; accepted: routes or accounts, or both");
    const bool says_something = std::ranges::any_of(
        table, [](const auto& entry) { return entry.first != "routes" && entry.first != "accounts"; });
    if (!says_something)
      mistakes.add(place(file, element),
                   overrides_section + ": changes nothing; accepted: any key of [freshness]");
    settings.freshness_overrides.push_back(read_override(table, file, settings, known, mistakes));
  }
}

}  // namespace roktcached::config
