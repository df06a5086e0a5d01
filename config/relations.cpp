#include "config/relations.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace roktcached::config {

namespace {

/// Adds mistakes where the setting was given; by its name alone where the default is at fault.
class Relations {
 public:
  Relations(const Places& places, Mistakes& mistakes) : places_(places), mistakes_(mistakes) {}

  void refuse(const std::string& name, const std::string& what) {
    const auto at = places_.find(name);
    at == places_.end() ? mistakes_.add(name, what) : mistakes_.add(at->second.place, name + ": " + what);
  }
  [[nodiscard]] bool was_refused(const std::string& name) const {
    const auto at = places_.find(name);
    return at != places_.end() && at->second.refused;
  }

 private:
  const Places& places_;
  Mistakes& mistakes_;
};

/// Whether nobody else can have it: the system chooses another for each port 0.
bool is_of_one(const Endpoint& endpoint) {
  return endpoint.is_unix() || endpoint.port != 0;
}

/// localhost is both loopbacks.
bool overlap(const Endpoint& one, const Endpoint& other) {
  if (one == other) return true;
  const auto includes = [](const Endpoint& both, const Endpoint& either) {
    return both.host == "localhost" && (either.host == "127.0.0.1" || either.host == "[::1]");
  };
  return one.port == other.port && (includes(one, other) || includes(other, one));
}

bool has(const std::vector<Endpoint>& addresses, const Endpoint& endpoint) {
  return is_of_one(endpoint) &&
         std::ranges::any_of(addresses, [&](const Endpoint& one) { return overlap(one, endpoint); });
}

void check_reach(const Settings& settings, Relations& relations) {
  const auto check_clients = [&](const std::string& name, const Endpoint& endpoint) {
    if (endpoint.is_loopback() || !settings.clients.empty()) return;
    relations.refuse(name, to_string(endpoint) +
                               " is beyond loopback: everybody there could use the credential; accepted: "
                               "127.0.0.1, [::1], localhost, or [[client]] tables that say who may");
  };
  const Listen& listen = settings.listen;
  for (const Endpoint& endpoint : listen.tls.addresses) check_clients("listen.tls.addresses", endpoint);
  for (const Endpoint& endpoint : listen.addresses) {
    check_clients("listen.addresses", endpoint);
    if (endpoint.is_loopback() || settings.clients.empty() || listen.cleartext_beyond_loopback) continue;
    relations.refuse("listen.addresses",
                     to_string(endpoint) +
                         " is beyond loopback without TLS: clients' secrets and reports could be read on the "
                         "way; accepted: listen.tls.addresses, or listen.cleartext_beyond_loopback = true "
                         "where something else encrypts");
  }
  const auto& admin = settings.admin.address;
  if (admin && !admin->is_loopback())
    relations.refuse("admin.address",
                     to_string(*admin) +
                         " is beyond loopback: everybody there could see and steer the daemon; "
                         "accepted: 127.0.0.1, [::1], localhost, unix:/PATH");
}

void check_log(const Settings& settings, Relations& relations) {
  if (settings.log.standard_error != StandardError::never || !settings.log.file.empty()) return;
  relations.refuse("log.stderr",
                   "\"never\", and there is no log.file: nothing would be logged; accepted: \"auto\", "
                   "\"always\", or a log.file");
}

void check_addresses(const Settings& settings, Relations& relations) {
  const auto& plain = settings.listen.addresses;
  const auto& tls = settings.listen.tls.addresses;
  if (plain.empty() && tls.empty())
    relations.refuse("listen.addresses", "there is none; accepted: one here or in listen.tls.addresses");
  const std::string& handover = settings.listen.handover_socket;
  if (!handover.empty() && !handover.starts_with('/'))
    relations.refuse("listen.handover_socket",
                     "\"" + handover + "\"; accepted: a path that begins with \"/\", or \"\"");
  for (const Endpoint& endpoint : tls) {
    if (has(plain, endpoint))
      relations.refuse("listen.tls.addresses",
                       to_string(endpoint) + " is among listen.addresses; accepted: addresses of its own");
  }
  const auto& admin = settings.admin.address;
  std::vector<std::pair<const char*, std::vector<Endpoint>>> taken = {{"listen.addresses", plain},
                                                                      {"listen.tls.addresses", tls}};
  for (const auto& [name, addresses] : taken) {
    if (admin && has(addresses, *admin))
      relations.refuse("admin.address",
                       to_string(*admin) + " is among " + name + "; accepted: an address of its own");
  }
  if (admin) taken.push_back({"admin.address", {*admin}});
  for (const auto& [name, addresses] : {std::pair("health.addresses", &settings.health.addresses),
                                        std::pair("health.tls.addresses", &settings.health.tls.addresses)}) {
    for (const auto& [other, others] : taken) {
      for (const Endpoint& endpoint : *addresses) {
        if (has(others, endpoint))
          relations.refuse(name,
                           to_string(endpoint) + " is among " + other + "; accepted: addresses of its own");
      }
    }
    taken.emplace_back(name, *addresses);
  }
}

/// Settings for TLS without an address of it would leave clients in clear text, and nobody would know.
void check_tls(const std::string& section, const ListenTls& tls, Relations& relations) {
  if (relations.was_refused(section + "addresses")) return;
  const auto check_use = [&](const std::string& key, bool given) {
    if (given && tls.addresses.empty())
      relations.refuse(section + key, "is for " + section + "addresses, of which there is none");
  };
  check_use("certificate_file", !tls.certificate_file.empty());
  check_use("key_file", !tls.key_file.empty());
  check_use("client_ca_file", !tls.client_ca_file.empty());
  check_use("require_client_certificate", tls.require_client_certificate);
  if (tls.addresses.empty()) return;
  for (const auto& [key, value] :
       {std::pair("certificate_file", &tls.certificate_file), std::pair("key_file", &tls.key_file)}) {
    if (value->empty()) relations.refuse(section + "addresses", "TLS needs " + section + key);
  }
  if (tls.require_client_certificate && tls.client_ca_file.empty())
    relations.refuse(section + "require_client_certificate",
                     "nothing says which certificates; accepted: with " + section + "client_ca_file");
}

void check_upstream(const Upstream& upstream, Relations& relations) {
  const Url& url = upstream.url;
  if (!url.tls && !Endpoint{url.host, url.port}.is_loopback()) {
    relations.refuse(
        "upstream.url",
        to_string(url) + " would carry the credential in clear text; accepted: https, or http to loopback");
  }
  const auto& proxy = upstream.proxy;
  if (proxy && !url.tls && !Endpoint{proxy->host, proxy->port}.is_loopback()) {
    relations.refuse("upstream.proxy",
                     to_string(*proxy) + " would be given the credential for " + to_string(url) +
                         " in clear text; accepted: an https upstream.url, or a proxy on loopback");
  }
}

/// An answer of the largest size that is kept must find room, twice: it is copied out of the cache file.
void check_room(const Settings& settings, Relations& relations) {
  const std::uint64_t largest = settings.upstream.max_response;
  if (settings.cache.max_transient / 2 >= largest) return;
  relations.refuse(
      "cache.max_transient",
      "is less than twice upstream.max_response: the largest answers would find no room; accepted: " +
          std::to_string(2 * largest) + "B or more, or a smaller upstream.max_response");
}

/// A request to such a daemon would wait for itself.
void check_loop(const Settings& settings, Relations& relations) {
  std::vector<std::pair<std::string, Endpoint>> own;
  for (const Endpoint& endpoint : settings.listen.addresses) own.emplace_back("listen.addresses", endpoint);
  for (const Endpoint& endpoint : settings.listen.tls.addresses)
    own.emplace_back("listen.tls.addresses", endpoint);
  if (settings.admin.address) own.emplace_back("admin.address", *settings.admin.address);
  for (const Endpoint& endpoint : settings.health.addresses) own.emplace_back("health.addresses", endpoint);
  for (const Endpoint& endpoint : settings.health.tls.addresses)
    own.emplace_back("health.tls.addresses", endpoint);
  const auto check = [&](const std::string& name, const Url& url, const char* accepted) {
    const auto here =
        std::ranges::find_if(own, [&](const auto& one) { return one.second.is_reached_by(url); });
    if (here == own.end()) return;
    relations.refuse(name, to_string(url) + " leads back here, to " + here->first + " = " +
                               to_string(here->second) + "; accepted: " + accepted);
  };
  check("upstream.url", settings.upstream.url, "where the API is");
  if (settings.upstream.proxy) check("upstream.proxy", *settings.upstream.proxy, "another program's address");
}

/// All values in the engine are sealed, but the password is not, nor who asks how often.
void check_fleet(const Fleet& fleet, Relations& relations) {
  if (!fleet.url) return;
  const EngineUrl& url = *fleet.url;
  if (url.kind == EngineUrl::Kind::tcp && !url.is_loopback()) {
    relations.refuse("fleet.url", to_string(url) +
                                      " is beyond loopback without TLS: the password could be read on the "
                                      "way; accepted: rediss://" +
                                      url.host + ", unix:/PATH, or redis:// to loopback");
  }
  for (const auto& [key, value] : {std::pair("fleet.ca_file", &fleet.ca_file),
                                   std::pair("fleet.certificate_file", &fleet.certificate_file),
                                   std::pair("fleet.key_file", &fleet.key_file)}) {
    if (url.kind != EngineUrl::Kind::tls && !value->empty())
      relations.refuse(key, "is for TLS, and fleet.url is " + to_string(url) + "; accepted: with rediss://");
  }
  if (fleet.certificate_file.empty() != fleet.key_file.empty()) {
    const bool key_only = fleet.certificate_file.empty();
    relations.refuse(key_only ? "fleet.key_file" : "fleet.certificate_file",
                     std::string("is of no use alone; accepted: with fleet.") +
                         (key_only ? "certificate_file" : "key_file"));
  }
}

/// With a later time the day would be over before anybody has used what was fetched for it.
void check_warming(const Settings& settings, Relations& relations) {
  if (settings.warming.settling_time > std::chrono::hours{12})
    relations.refuse("warming.settling_time", "is longer than half a day; accepted: at most \"12h\"");
}

}  // namespace

void check_relations(const Settings& settings, const Places& places, Mistakes& mistakes) {
  Relations relations(places, mistakes);
  check_reach(settings, relations);
  check_addresses(settings, relations);
  check_log(settings, relations);
  check_tls("listen.tls.", settings.listen.tls, relations);
  check_tls("health.tls.", settings.health.tls, relations);
  check_upstream(settings.upstream, relations);
  check_loop(settings, relations);
  check_room(settings, relations);
  check_fleet(settings.fleet, relations);
  check_warming(settings, relations);
}

}  // namespace roktcached::config
