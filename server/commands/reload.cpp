#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <cstdio>
#include <string>

#include "config/credentials.h"
#include "config/load.h"
#include "core/printable.h"
#include "server/commands/admin_client.h"
#include "server/commands/commands.h"
#include "server/commands/json_values.h"

namespace roktcached::commands {

namespace json = boost::json;

namespace {

/// The array `name` as a list, "a, b"; empty if there is none.
std::string listed(const json::value& object, std::string_view name) {
  std::string list;
  for (const json::value& element : array_at(object, {name})) {
    if (element.is_string())
      list.append(list.empty() ? "" : ", ").append(printable(std::string_view(element.get_string())));
  }
  return list;
}

int say(const json::value& result) {
  if (const json::string* const error = value_at(result, {"error"}).if_string())
    return fail(configuration, std::string(*error) + "\nthe settings in force stay in force");
  const std::string changed = listed(result, "changed");
  fmt::print("reloaded; changed: {}\n", changed.empty() ? "nothing" : changed);
  if (const std::string kept = listed(result, "needs_restart"); !kept.empty())
    fmt::print(stderr, "roktcached: warning: changed, but needs a restart: {}\n", kept);
  return success;
}

}  // namespace

/// The daemon is asked though the file is bad, as it says so in its own log and status, and where it finds
/// its settings is its own business; the address is then what can be read of it.
int reload(const std::optional<std::string>& config_file) {
  const auto environment = config::process_environment();
  const auto settings = config::load(config_file, environment);
  config::Admin admin = settings ? settings->admin : config::load_admin(config_file, environment);
  const auto unusable = [&](int code, const std::string& why) {
    return settings ? fail(code, why) : fail(configuration, settings.error().context);
  };
  const auto loaded = config::load_admin_token(admin);
  const bool needs_token = admin.address && !admin.address->is_unix();
  if (!loaded && needs_token) return unusable(configuration, loaded.error().context);
  const auto answer = post_to_admin(admin, "/reload", "{}");
  if (!answer) return unusable(unavailable, answer.error().context);
  const auto content = content_of(*answer);
  return content && content->is_object() ? say(*content) : fail_with(*answer);
}

}  // namespace roktcached::commands
