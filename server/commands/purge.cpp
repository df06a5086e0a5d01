#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "server/commands/admin_client.h"
#include "server/commands/commands.h"

namespace roktcached::commands {

namespace json = boost::json;

namespace {

std::string request_of(const PurgeOptions& options) {
  json::object content;
  if (options.all) content["all"] = true;
  for (const auto& [name, value] : options.named()) {
    if (*value) content[name] = **value;
  }
  if (options.soft) content["soft"] = true;
  return json::serialize(content);
}

}  // namespace

int purge(const std::optional<std::string>& config_file, const PurgeOptions& options) {
  auto settings = load_settings(config_file);
  if (!settings || !load_admin_token(*settings)) return configuration;
  if (const std::string mistake = route_mistake(*settings, options.route); !mistake.empty())
    return fail(failed, mistake);
  const auto answer = post_to_admin(settings->admin, "/purge", request_of(options));
  if (!answer) return fail(unavailable, answer.error().context);
  const std::string purged = member_of(*answer, "purged");
  if (answer->status != 200 || purged.empty()) return fail_with(*answer);
  const std::string confirmed = member_of(*answer, "confirmed");
  const std::string instances = member_of(*answer, "instances");
  if (confirmed.empty() || instances.empty()) {
    fmt::print("purged {}\n", purged);
    return success;
  }
  fmt::print("purged {}, confirmed by {} of {} instances\n", purged, confirmed, instances);
  return confirmed == instances ? success : failed;
}

}  // namespace roktcached::commands
