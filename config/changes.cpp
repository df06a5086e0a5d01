#include "config/changes.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "config/load.h"
#include "config/mistakes.h"
#include "config/relations.h"
#include "config/schema.h"

namespace roktcached::config {

namespace {

/// These keys need a restart: sockets are bound, threads run, the cache file is open and its memory is shared
/// out, and the stored answers were fetched from this upstream.
constexpr std::array<std::string_view, 31> fixed_keys = {"listen.addresses",
                                                         "listen.threads",
                                                         "listen.unix_mode",
                                                         "listen.unix_group",
                                                         "listen.tls.addresses",
                                                         "admin.address",
                                                         "health.addresses",
                                                         "health.tls.addresses",
                                                         "upstream.url",
                                                         "upstream.ca_file",
                                                         "upstream.proxy",
                                                         "cache.file",
                                                         "cache.max_disk",
                                                         "cache.max_memory",
                                                         "cache.max_transient",
                                                         "cache.read_timeout",
                                                         "log.file",
                                                         "log.format",
                                                         "listen.handover_socket",
                                                         "log.file_format",
                                                         "log.stderr",
                                                         "fleet.url",
                                                         "fleet.username",
                                                         "fleet.password_file",
                                                         "fleet.ca_file",
                                                         "fleet.certificate_file",
                                                         "fleet.key_file",
                                                         "fleet.entry_key_file",
                                                         "fleet.expected_instances",
                                                         "fleet.control_timeout",
                                                         "fleet.instance"};

bool is_fixed(std::string_view key) {
  return std::ranges::find(fixed_keys, key) != fixed_keys.end();
}

void keep_fixed(const Settings& in_force, Settings& wanted) {
  wanted.listen.addresses = in_force.listen.addresses;
  wanted.listen.threads = in_force.listen.threads;
  wanted.listen.unix_mode = in_force.listen.unix_mode;
  wanted.listen.unix_group = in_force.listen.unix_group;
  wanted.listen.handover_socket = in_force.listen.handover_socket;
  wanted.listen.tls.addresses = in_force.listen.tls.addresses;
  wanted.admin.address = in_force.admin.address;
  wanted.health.addresses = in_force.health.addresses;
  wanted.health.tls.addresses = in_force.health.tls.addresses;
  wanted.upstream.url = in_force.upstream.url;
  wanted.upstream.ca_file = in_force.upstream.ca_file;
  wanted.upstream.proxy = in_force.upstream.proxy;
  wanted.cache = in_force.cache;
  wanted.fleet = in_force.fleet;
  wanted.log.file = in_force.log.file;
  wanted.log.format = in_force.log.format;
  wanted.log.file_format = in_force.log.file_format;
  wanted.log.standard_error = in_force.log.standard_error;
}

void compare_keys(const Settings& in_force, const Settings& wanted, Changes& changes) {
  for (const Setting& setting : schema()) {
    if (setting.get(in_force) == setting.get(wanted)) continue;
    (is_fixed(setting.name()) ? changes.needs_restart : changes.taken).push_back(setting.name());
  }
}

bool is_same(const Secret& one, const Secret& other) {
  return one.reveal() == other.reveal();
}

bool have_same_secrets(const Fleet& one, const Fleet& other) {
  return is_same(one.password, other.password) &&
         std::ranges::equal(one.entry_keys, other.entry_keys,
                            [](const Secret& key, const Secret& as) { return is_same(key, as); });
}

bool same_owner(const Credential& one, const Credential& other) {
  return one.name == other.name && is_same(one.app_id, other.app_id);
}

bool is_same(const Credential& one, const Credential& other) {
  return same_owner(one, other) && one.app_id_file == other.app_id_file &&
         one.app_secret_file == other.app_secret_file && one.accounts == other.accounts &&
         one.budget == other.budget && is_same(one.app_secret, other.app_secret);
}

void compare_credentials(const Settings& in_force, Settings& wanted, Changes& changes) {
  const auto same = [](const Credential& one, const Credential& other) { return is_same(one, other); };
  if (std::ranges::equal(in_force.credentials, wanted.credentials, same)) return;
  if (std::ranges::equal(in_force.credentials, wanted.credentials, same_owner))
    return changes.taken.push_back("[[credential]]");
  changes.needs_restart.push_back("[[credential]]");
  // Credentials hold their budgets, and stay as they are.
  const auto of_budget = [](const std::string& key) { return key.starts_with("upstream.budget."); };
  std::ranges::copy_if(changes.taken, std::back_inserter(changes.needs_restart), of_budget);
  std::erase_if(changes.taken, of_budget);
  auto shares = wanted.upstream.budget.shares;
  wanted.upstream.budget = in_force.upstream.budget;
  wanted.upstream.budget.shares = std::move(shares);
  std::vector<Credential> kept = in_force.credentials;
  for (Credential& credential : kept) {
    credential.budget.shares = wanted.credentials.front().budget.shares;  // the same in every budget
    const auto again = std::ranges::find_if(
        wanted.credentials, [&](const Credential& one) { return same_owner(one, credential); });
    if (again == wanted.credentials.end()) continue;
    credential.app_secret = again->app_secret;
    credential.app_secret_file = again->app_secret_file;
    credential.app_id_file = again->app_id_file;
  }
  wanted.credentials = std::move(kept);
}

}  // namespace

Changes keep_what_cannot_change(const Settings& in_force, Settings& wanted) {
  Changes changes;
  // The default of this key follows from the cache file, which stays as it is.
  if (wanted.listen.token_key_file == default_token_key_file(wanted.cache.file))
    wanted.listen.token_key_file = default_token_key_file(in_force.cache.file);
  compare_keys(in_force, wanted, changes);
  if (!have_same_secrets(in_force.fleet, wanted.fleet))
    changes.needs_restart.push_back("the fleet's password or keys");
  keep_fixed(in_force, wanted);
  if (!is_same(in_force.admin.token, wanted.admin.token)) changes.taken.push_back("the admin token");
  if (in_force.freshness_overrides != wanted.freshness_overrides)
    changes.taken.push_back("[[freshness.override]]");
  if (in_force.named_warmings != wanted.named_warmings) changes.taken.push_back("[[warm]]");
  if (in_force.clients != wanted.clients) changes.taken.push_back("[[client]]");
  compare_credentials(in_force, wanted, changes);
  if (in_force.routes != wanted.routes) changes.taken.push_back("[[route]]");
  return changes;
}

Result<void> check_kept(const Settings& settings) {
  Mistakes mistakes;
  Places places;
  for (const auto& [key, where] : settings.places) places[key] = {where};
  check_relations(settings, places, mistakes);
  if (mistakes.empty()) return {};
  return Error{ErrorCode::configuration, false, mistakes.text()};
}

}  // namespace roktcached::config
