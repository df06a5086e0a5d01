#include "config/tables.h"

#include <algorithm>

#include "config/credentials.h"
#include "config/table_reader.h"
#include "core/ascii.h"

namespace roktcached::config {

namespace {

const std::vector<std::string> credential_keys = {"name", "app_id_file", "app_secret_file", "accounts",
                                                  "budget"};
const std::string accepted_names = "1 to 64 of A-Za-z0-9_-";
const std::vector<std::string> route_keys = {"name", "path", "methods", "cache", "groupby", "inject_token"};

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 &&
         std::ranges::all_of(text, [](char c) { return is_letter_or_digit(c) || c == '_' || c == '-'; });
}

rokt::Route read_route(const toml::table& table, const std::string& file, Mistakes& mistakes) {
  TableReader reader("route", table, file, mistakes);
  reader.check_keys(route_keys);
  rokt::Route route;
  route.name = reader.text("name", "");
  route.pattern = reader.text("path", "");
  route.methods = reader.list("methods", {"GET"});
  route.groupby = reader.list("groupby", {});
  route.inject_token = reader.boolean("inject_token", true);
  const std::string cache = reader.text("cache", "report");
  if (cache == "metadata") {
    route.route_class = rokt::RouteClass::metadata;
  } else if (cache == "http") {
    route.route_class = rokt::RouteClass::http;
  } else if (cache == "off") {
    route.route_class = rokt::RouteClass::off;
  } else if (cache != "report") {
    reader.refuse("cache", *table.get("cache"), R"("report", "metadata", "http", "off")");
  }
  return route;
}

/// A credential's own budget: [upstream.budget] with what the table says.
Budget read_budget(const toml::node& node, const std::string& file, const Budget& general,
                   Mistakes& mistakes) {
  const std::string section = "credential.budget";
  const toml::table* table = node.as_table();
  if (table == nullptr) {
    mistakes.add(place(file, node), section + ": accepted: a table, [" + section + "]");
    return general;
  }
  std::vector<std::string> keys = keys_of("upstream.budget");
  if (const toml::node* shares = table->get("shares")) {
    mistakes.add(place(file, *shares), section +
                                           ".shares: are the same for every credential; accepted: "
                                           "[[client]] upstream_share");
    keys.emplace_back("shares");
  }
  TableReader reader(section, *table, file, mistakes);
  reader.check_keys(keys);
  Settings changed;
  changed.upstream.budget = general;
  reader.set_each("upstream.budget", changed);
  return changed.upstream.budget;
}

Credential read_credential(const toml::table& table, const std::string& file, const Settings& settings,
                           Mistakes& mistakes) {
  TableReader reader("credential", table, file, mistakes);
  reader.check_keys(credential_keys);
  Credential credential;
  credential.name = reader.text("name", credential.name);
  credential.app_id_file = reader.text("app_id_file", "");
  credential.app_secret_file = reader.text("app_secret_file", "");
  credential.accounts = reader.accounts_or_every();
  const toml::node* budget = table.get("budget");
  credential.budget = budget == nullptr ? settings.upstream.budget
                                        : read_budget(*budget, file, settings.upstream.budget, mistakes);
  if (!is_name(credential.name)) {
    mistakes.add(place(file, table),
                 "credential.name = " + to_toml(credential.name) + ": accepted: " + accepted_names);
  }
  return credential;
}

}  // namespace

void read_credentials(const toml::node& node, const std::string& file, Settings& settings,
                      Mistakes& mistakes) {
  const toml::array* tables = tables_of("credential", node, file, mistakes);
  if (tables == nullptr) return;
  std::vector<Credential> credentials;
  for (const toml::node& element : *tables) {
    Credential credential = read_credential(*element.as_table(), file, settings, mistakes);
    credential.is_first = credentials.empty();
    const std::string where = place(file, element);
    for (const char* key : {"app_id_file", "app_secret_file"}) {
      if (const toml::node* given = element.as_table()->get(key))
        settings.places.emplace(secret_file_key(key, credential.name), place(file, *given));
    }
    if (std::ranges::find(credentials, credential.name, &Credential::name) != credentials.end())
      mistakes.add(where,
                   "credential.name = " + to_toml(credential.name) + ": there is one of this name already");
    if (!credentials.empty() && !tables->get(credentials.size() - 1)->as_table()->contains("accounts"))
      mistakes.add(where, "credential " + to_toml(credential.name) + ": is never used: credential " +
                              to_toml(credentials.back().name) +
                              " before it has no accounts, and so takes every one; accepted: accounts in "
                              "each but the last");
    credentials.push_back(std::move(credential));
  }
  settings.credentials = std::move(credentials);
}

void read_routes(const toml::node& node, const std::string& file, std::vector<rokt::Route>& routes,
                 Mistakes& mistakes) {
  const toml::array* tables = tables_of("route", node, file, mistakes);
  if (tables == nullptr) return;
  std::vector<rokt::Route> known = rokt::rokt_routes();
  const auto may_give_way = [](const rokt::Route& one) { return one.route_class != rokt::RouteClass::token; };
  std::erase_if(known, may_give_way);
  for (const toml::node& element : *tables) {
    rokt::Route route = read_route(*element.as_table(), file, mistakes);
    const std::string where = place(file, element);
    if (const auto valid = rokt::validate(route); !valid)
      mistakes.add(where, "route." + valid.error().context);
    for (const auto& other : known) {
      if (other.name == route.name)
        mistakes.add(where, "route.name = \"" + route.name + "\": there is one of this name already");
      if (rokt::serve_the_same(route, other))
        mistakes.add(where,
                     "route.path = \"" + route.pattern + "\": is served by route " + other.name + " already");
    }
    known.push_back(route);
    routes.push_back(std::move(route));
  }
}

}  // namespace roktcached::config
