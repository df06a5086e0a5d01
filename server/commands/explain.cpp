#include <fmt/format.h>

#include <cstdio>

#include "config/credentials.h"
#include "core/caching/freshness.h"
#include "core/caching/key.h"
#include "core/caching/storing.h"
#include "core/http/date.h"
#include "core/http/target.h"
#include "core/rokt/parameters.h"
#include "core/rokt/routes.h"
#include "server/access/presented.h"
#include "server/commands/commands.h"
#include "server/system_clock.h"

namespace roktcached::commands {

namespace {

void print(std::string_view name, std::string_view value) {
  fmt::print("{:<14} {}\n", std::string(name) + ":", value);
}

std::string in_seconds(std::chrono::milliseconds duration) {
  return fmt::format("{} s", std::chrono::duration<double>(duration).count());
}

void print_freshness(rokt::RouteClass route_class, std::optional<WallTime> range_end,
                     const caching::FreshnessPolicy& policy) {
  const WallTime now = SystemClock().wall_now();
  const auto lifetime = caching::lifetime_of(route_class, 200, range_end, now, policy);
  if (range_end) print("range ends", http::format_date(*range_end));
  const caching::Storing storing = caching::may_store_report({.has_lifetime = lifetime.has_value()});
  if (!lifetime)
    return print("not stored", fmt::format("{}, its lifetime is zero", caching::name_of(storing)));
  print("freshness", caching::to_string(lifetime->state));
  print("fresh for", in_seconds(lifetime->fresh_until - now));
  print("usable for", in_seconds(lifetime->usable_until - now) + " if the upstream fails");
}

}  // namespace

int routes(const std::optional<std::string>& config_file) {
  const auto settings = load_settings(config_file);
  if (!settings) return configuration;
  for (const rokt::Route& route : rokt::all_routes(settings->routes)) {
    const std::string groupby =
        route.groupby.empty() ? "" : fmt::format("  groupby={}", fmt::join(route.groupby, "|"));
    fmt::print("{:<32} {:<9} {:<6} {}{}\n", route.name, rokt::to_string(route.route_class),
               fmt::join(route.methods, ","), route.pattern, groupby);
  }
  return success;
}

int explain(const std::optional<std::string>& config_file, const ExplainOptions& options) {
  const auto settings = load_settings(config_file);
  if (!settings) return configuration;
  std::string asked = options.target;
  if (const auto key = access::take_api_key(asked); !key) return fail(failed, key.error().context);
  const auto target = http::parse_target(asked);
  if (!target) return fail(failed, target.error().context);
  std::string decoded;
  const std::string_view path = http::decode_unreserved(target->path, decoded);
  const rokt::RouteTable table(rokt::all_routes(settings->routes));
  auto match = table.match("GET", path);
  if (!match && match.error().code == ErrorCode::method_not_allowed) match = table.match("POST", path);
  if (!match) return fail(failed, match.error().context);
  const rokt::Route& route = *match->route;
  print("route", route.name);
  print("class", rokt::to_string(route.route_class));
  const bool cached =
      route.route_class == rokt::RouteClass::report || route.route_class == rokt::RouteClass::metadata;
  if (!cached) {
    print("stored", route.route_class == rokt::RouteClass::http ? "as the upstream's fields allow (RFC 9111)"
                                                                : "never, by its class");
    return success;
  }

  const auto parameters = http::parse_query(target->query);
  const auto checked = rokt::check_parameters(route, parameters, settings->parameters);
  if (!checked) return fail(failed, checked.error().context);
  http::Fields fields;
  if (!options.rokt_version.empty()) fields.add("rokt-version", options.rokt_version);
  const auto version = caching::requested_version(fields);
  if (!version) return fail(failed, version.error().context);
  const std::string_view account = match->account_id;
  const auto credential = config::credential_for(settings->credentials, account);
  if (!credential) return fail(failed, "account " + std::string(account) + ": no [[credential]] lists it");
  const caching::Key key =
      caching::key_of(settings->credentials[*credential].name, path, parameters, *version);
  const caching::FreshnessPolicies policies(settings->freshness, settings->freshness_overrides);
  print("key", key.text());
  print("key hash", caching::to_hex(key.hash()));
  print_freshness(route.route_class, checked->range_end, policies.policy_for(route.name, account));
  return success;
}

}  // namespace roktcached::commands
