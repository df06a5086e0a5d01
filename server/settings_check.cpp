#include "server/settings_check.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <utility>

#include "config/credentials.h"
#include "config/load.h"
#include "config/mistakes.h"
#include "config/service_links.h"
#include "server/access/token_key.h"
#include "server/fleet/engine_check.h"
#include "server/log_event.h"
#include "server/log_file.h"
#include "server/net/descriptor_budget.h"
#include "server/net/listening_socket.h"
#include "server/net/tls_context.h"
#include "server/process.h"
#include "server/system_clock.h"
#include "server/upstream/wire/origin.h"
#include "storage/sqlite/cache_file.h"

namespace roktcached {

namespace {

/// Every address, with the setting that names it.
std::vector<std::pair<std::string, config::Endpoint>> addresses_of(const config::Settings& settings) {
  std::vector<std::pair<std::string, config::Endpoint>> all;
  for (const auto& address : settings.listen.addresses) all.emplace_back("listen.addresses", address);
  for (const auto& address : settings.listen.tls.addresses) all.emplace_back("listen.tls.addresses", address);
  const std::string& handover = settings.listen.handover_socket;
  if (!handover.empty()) all.emplace_back("listen.handover_socket", config::Endpoint{"", 0, handover});
  if (settings.admin.address) all.emplace_back("admin.address", *settings.admin.address);
  for (const auto& address : settings.health.addresses) all.emplace_back("health.addresses", address);
  for (const auto& address : settings.health.tls.addresses) all.emplace_back("health.tls.addresses", address);
  return all;
}

class SettingsCheck {
 public:
  SettingsCheck(config::Settings& settings, Secrets secrets) : settings_(settings), secrets_(secrets) {}

  Result<std::vector<std::string>> run() {
    if (secrets_ == Secrets::read) read_secrets();
    check_tls(settings_.listen.tls, "listen.tls");
    check_tls(settings_.health.tls, "health.tls");
    note(upstream::check_ca_file(settings_.upstream));
    check_fleet();
    check_sockets();
    check_cache();
    check_base_path();
    check_routes();
    check_token_key();
    look_for_service_links();
    note(check_log_file(settings_.log.file));
    if (auto warning = bound_connections(settings_, hard_descriptor_limit()))
      warnings_.push_back(std::move(*warning));
    if (mistakes_.empty()) return std::move(warnings_);
    return Error{ErrorCode::configuration, false, mistakes_.text()};
  }

 private:
  /// @param key  what the error is about, where its text does not begin with that
  void note(const Result<void>& result, const std::string& key = "") {
    if (result) return;
    const std::string what = (key.empty() ? "" : key + ": ") + result.error().context;
    const auto end = what.find(": ");
    const auto place = settings_.places.find(what.substr(0, end));
    if (place != settings_.places.end()) return mistakes_.add(place->second, what);
    end == std::string::npos ? mistakes_.add("settings", what)
                             : mistakes_.add(what.substr(0, end), what.substr(end + 2));
  }

  void read_secrets() {
    for (config::Credential& credential : settings_.credentials) {
      if (credential.app_id.empty()) note(config::load_credential(credential, config::process_environment()));
    }
    note(config::load_admin_token(settings_.admin));
    note(config::load_fleet_secrets(settings_.fleet, config::process_environment()));
  }

  void check_tls(const config::ListenTls& tls, const std::string& section) {
    if (tls.addresses.empty()) return;
    const auto key = secrets_ == Secrets::read ? net::PrivateKey::read : net::PrivateKey::skip;
    const auto context = net::make_tls_context(tls, key, section);
    if (!context) return note(context.error());
    if (auto warning = net::certificate_warning(**context, tls, section))
      warnings_.push_back(std::move(*warning));
  }

  void check_fleet() {
    const config::Fleet& fleet = settings_.fleet;
    for (const auto& [key, value] :
         {std::pair("username", &fleet.username), std::pair("password_file", &fleet.password_file),
          std::pair("entry_key_file", &fleet.entry_key_file), std::pair("ca_file", &fleet.ca_file)}) {
      if (!fleet.url && !value->empty())
        warnings_.push_back(std::string("fleet.") + key + ": there is no fleet without fleet.url");
    }
    if (!fleet.url || fleet.url->kind != config::EngineUrl::Kind::tls) return;
    const auto key = secrets_ == Secrets::read ? net::PrivateKey::read : net::PrivateKey::skip;
    const net::ClientTlsFiles files{fleet.ca_file, fleet.certificate_file, fleet.key_file};
    const auto context = net::make_client_tls_context(files, key, "fleet");
    if (!context) note(context.error());
  }

  void check_sockets() {
    note(net::check_unix_group(settings_.listen.unix_group));
    const auto addresses = addresses_of(settings_);
    for (const auto& [key, address] : addresses) {
      if (address.is_unix()) note(net::UnixSocket::check(address.path), key);
    }
    const bool both_loopbacks =
        std::ranges::any_of(addresses, [](const auto& named) { return named.second.host == "localhost"; });
    const auto missing = both_loopbacks ? net::missing_loopback() : std::nullopt;
    if (missing) warnings_.push_back("localhost: " + *missing + "; only the other loopback is listened on");
  }

  void check_cache() {
    const config::Cache& cache = settings_.cache;
    if (!cache.file.empty()) return note(storage::check_cache_file(cache.file), "cache.file");
    if (!cache.why_no_file.empty())
      warnings_.push_back("cache.file: " + cache.why_no_file +
                          "; the cache is in memory only, and empty after a restart");
  }

  /// The API's own pages show addresses with the first part of a request's path.
  void check_base_path() {
    const std::string& base = settings_.upstream.url.base_path;
    for (const std::string_view part : {"/reporting", "/metadata", "/v1", "/v1/query"}) {
      if (base.ends_with(part))
        warnings_.push_back("upstream.url: its path " + base +
                            " stands before that of each request, which begins with " + std::string(part) +
                            " itself; usually it has no path");
    }
  }

  /// A route that was the operator's own may be built in by now.
  void check_routes() {
    for (const auto& built_in : rokt::rokt_routes()) {
      for (const auto& route : settings_.routes) {
        if (!rokt::takes_place_of(route, built_in)) continue;
        warnings_.push_back("[[route]] \"" + route.name + "\" takes the place of the built-in route \"" +
                            built_in.name + "\" (" + built_in.pattern + ")");
      }
    }
  }

  /// Said once, whatever their number: nobody has set them.
  void look_for_service_links() {
    const auto links = config::service_links(config::process_environment());
    if (links.empty()) return;
    warnings_.push_back("$" + links.front() + ": ignored, with " + std::to_string(links.size() - 1) +
                        " more: Kubernetes gives them for a Service \"roktcached\" or one that begins so; "
                        "enableServiceLinks: false "
                        "keeps them away");
  }

  void check_token_key() {
    const std::string& file = settings_.listen.token_key_file;
    if (settings_.clients.empty() || file.empty() || secrets_ == Secrets::skip) return;
    const auto cache_folder = std::filesystem::path(settings_.cache.file).parent_path();
    note(access::check_token_key(file, cache_folder.string()), "listen.token_key_file");
  }

  config::Settings& settings_;
  const Secrets secrets_;
  config::Mistakes mistakes_;
  std::vector<std::string> warnings_;
};

}  // namespace

Result<std::vector<std::string>> check_settings(config::Settings& settings, Secrets secrets) {
  return SettingsCheck(settings, secrets).run();
}

void make_ready_for(const config::Settings& settings, const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings)
    LogEvent(spdlog::level::warn, "settings-warning", warning).log();
  const std::uint64_t descriptors = descriptor_budget(settings).needed(settings.listen.max_connections);
  if (const auto raised = raise_descriptor_limit(descriptors); !raised)
    LogEvent(spdlog::level::warn, "descriptor-limit", raised.error().context).log();
}

Result<std::vector<std::string>> check_engine(const config::Settings& settings) {
  std::vector<std::string> warnings;
  if (!settings.fleet.url) return warnings;
  const std::string engine = "fleet.url: the engine " + config::to_string(*settings.fleet.url) + ": ";
  const auto place = settings.places.find("fleet.url");
  config::Mistakes mistakes;
  ErrorCode code = ErrorCode::configuration;
  for (const fleet::EngineFinding& finding : fleet::check_engine(settings.fleet, SystemClock())) {
    using Weight = fleet::EngineFinding::Weight;
    const std::string line = engine + finding.text;
    if (finding.weight == Weight::warning) {
      warnings.push_back(line);
      continue;
    }
    if (finding.weight == Weight::unavailable) code = ErrorCode::unavailable;
    place == settings.places.end() ? mistakes.add("settings", line) : mistakes.add(place->second, line);
  }
  if (mistakes.empty()) return warnings;
  return Error{code, false, mistakes.text()};
}

/// Listens on each for a moment, on all at once: a port that is bound only could still be shared, and two
/// addresses may be one.
Result<void> check_addresses_are_free(const config::Settings& settings,
                                      const net::InheritedSockets& inherited) {
  boost::asio::io_context context;
  std::vector<net::Acceptor> taken;
  std::vector<std::pair<std::string, boost::asio::ip::tcp::endpoint>> seen;
  for (const auto& [key, address] : addresses_of(settings)) {
    if (address.is_unix()) {
      if (inherited.has(address.path)) continue;
      if (const auto free = net::UnixSocket::check_free(address.path); !free) return free.error();
      continue;
    }
    const auto endpoints = net::endpoints_here(address);
    if (!endpoints) return endpoints.error();
    for (const auto& endpoint : *endpoints) {
      if (inherited.has(endpoint)) continue;
      // Beside a localhost, an address of the same setting that is part of it is opened once.
      const auto named = std::pair(key, endpoint);
      if (endpoint.port() != 0 && std::ranges::find(seen, named) != seen.end()) continue;
      auto opened = net::open_listener(context.get_executor(), endpoint, false);
      if (!opened) return opened.error();
      seen.push_back(named);
      taken.push_back(std::move(opened->first));
    }
  }
  return {};
}

}  // namespace roktcached
