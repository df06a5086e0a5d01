#include "config/effective.h"

#include <string_view>

#include "config/schema.h"

namespace roktcached::config {

namespace {

std::string line(std::string_view key, const RawValue& value) {
  return std::string(key) + " = " + to_toml(value) + "\n";
}

/// Every key of a section, as `settings` have it.
std::string keys_toml(std::string_view section, const Settings& settings) {
  std::string text;
  for (const auto& key : keys_of(section)) text += line(key, find_setting(section, key)->get(settings));
  return text;
}

std::string sections_toml(const Settings& settings) {
  std::string text;
  std::string section;
  for (const auto& setting : schema()) {
    if (setting.section == section) continue;
    section = setting.section;
    text += (text.empty() ? "[" : "\n[") + section + "]\n" + keys_toml(section, settings);
  }
  return text;
}

/// Every key but the secret's hash: somebody who has the hash can try secrets against it.
std::string client_toml(const Client& client) {
  std::string text = "\n[[client]]\n" + line("name", client.name);
  if (client.secret_hash) text += "# secret: set\n";
  if (!client.accounts.empty()) text += line("accounts", client.accounts);
  text += line("requests_per_second", client.requests_per_second);
  if (client.requests_per_second > 0) text += line("burst", static_cast<std::int64_t>(client.burst));
  text += line("upstream_share", client.upstream_share);
  if (!client.certificate.empty()) text += line("certificate", client.certificate);
  return text;
}

/// With every key, whether it was given or taken from [freshness].
std::string override_toml(const caching::PolicyOverride& one) {
  std::string text = "\n[[freshness.override]]\n";
  if (!one.routes.empty()) text += line("routes", one.routes);
  if (!one.accounts.empty()) text += line("accounts", one.accounts);
  Settings settings;
  settings.freshness = one.policy;
  return text + keys_toml("freshness", settings);
}

/// With every key of its budget, whether it was given or taken from [upstream.budget].
std::string credential_toml(const Credential& credential) {
  const auto presence = [](const Secret& secret) { return secret.empty() ? "not set\n" : "set\n"; };
  std::string text = "\n[[credential]]\n" + line("name", credential.name) +
                     line("app_id_file", credential.app_id_file) +
                     line("app_secret_file", credential.app_secret_file);
  if (!credential.accounts.empty()) text += line("accounts", credential.accounts);
  text += std::string("# app id: ") + presence(credential.app_id) +
          "# app secret: " + presence(credential.app_secret);
  Settings settings;
  settings.upstream.budget = credential.budget;
  return text + "[credential.budget]\n" + keys_toml("upstream.budget", settings);
}

std::string route_toml(const rokt::Route& route) {
  return "\n[[route]]\n" + line("name", route.name) + line("path", route.pattern) +
         line("methods", route.methods) + line("cache", std::string(rokt::to_string(route.route_class))) +
         line("groupby", route.groupby) + line("inject_token", route.inject_token);
}

std::string warming_toml(const caching::NamedWarming& warming) {
  const auto minutes = warming.at.count();
  const auto digits = [](auto number) { return (number < 10 ? "0" : "") + std::to_string(number); };
  return "\n[[warm]]\n" + line("path", warming.question.target) +
         line("at", digits(minutes / 60) + ":" + digits(minutes % 60)) +
         line("time_zone", warming.question.time_zone) + line("rokt_version", warming.question.rokt_version);
}

}  // namespace

std::string effective_toml(const Settings& settings) {
  std::string text = sections_toml(settings);
  for (const auto& one : settings.freshness_overrides) text += override_toml(one);
  for (const auto& client : settings.clients) text += client_toml(client);
  for (const auto& credential : settings.credentials) text += credential_toml(credential);
  for (const auto& route : settings.routes) text += route_toml(route);
  for (const auto& warming : settings.named_warmings) text += warming_toml(warming);
  return text;
}

}  // namespace roktcached::config
