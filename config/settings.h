#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/secret.h"
#include "config/secret_hash.h"
#include "core/caching/freshness.h"
#include "core/caching/policies.h"
#include "core/caching/warming_rules.h"
#include "core/rokt/parameters.h"
#include "core/rokt/routes.h"

namespace roktcached::config {

struct Url;

/// An address to listen on: an IPv4 address, an IPv6 address in brackets, or "localhost", port 0 letting the
/// system choose; or a Unix socket.
struct Endpoint {
  std::string host;
  std::uint16_t port = 0;
  std::string path = {};  ///< of a Unix socket, absolute; the host is empty then

  [[nodiscard]] bool is_unix() const { return !path.empty(); }
  /// Whether only this machine can connect, as over a Unix socket.
  [[nodiscard]] bool is_loopback() const;
  /// Whether the URL leads here, as far as it can be told without a name service.
  [[nodiscard]] bool is_reached_by(const Url& url) const;
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};
[[nodiscard]] std::string to_string(const Endpoint& endpoint);

/// The address of the upstream.
struct Url {
  bool tls = true;
  std::string host;  ///< an IPv6 address is in brackets
  std::uint16_t port = 443;
  std::string base_path;  ///< before every path; empty or "/x", never ending in '/'

  friend bool operator==(const Url&, const Url&) = default;
};
[[nodiscard]] std::string to_string(const Url& url);

/// The address of a fleet's engine: Redis or Valkey.
struct EngineUrl {
  enum class Kind { tcp, tls, unix_socket };
  Kind kind = Kind::tcp;
  std::string host;           ///< an IPv6 address is in brackets; empty for a Unix socket
  std::uint16_t port = 6379;  ///< of tcp and tls
  std::string path = {};      ///< of a Unix socket, absolute

  /// Whether only this machine can read what is sent there.
  [[nodiscard]] bool is_loopback() const {
    return kind == Kind::unix_socket || Endpoint{host, port}.is_loopback();
  }
  friend bool operator==(const EngineUrl&, const EngineUrl&) = default;
};
[[nodiscard]] std::string to_string(const EngineUrl& url);

/// TLS on a listener: the `[listen.tls]` and `[health.tls]` sections.
struct ListenTls {
  std::vector<Endpoint> addresses;  ///< none of them a Unix socket; empty: no TLS
  std::string certificate_file;     ///< PEM, the chain; set where there are addresses
  std::string key_file;             ///< PEM; set where there are addresses. See read_private_file
  std::string client_ca_file;       ///< PEM; empty: clients are not asked for a certificate
  bool require_client_certificate = false;
};

/// The `[listen]` section.
struct Listen {
  std::vector<Endpoint> addresses = {{"127.0.0.1", 8080}};
  std::vector<std::string> allowed_hosts = {"localhost", "127.0.0.1", "[::1]"};
  std::vector<std::string> allowed_origins;  ///< as a browser sends them: "https://bi.example.com"
  std::uint32_t unix_mode = 0660;            ///< of Unix sockets
  std::string unix_group;                    ///< of Unix sockets; empty: the process's own
  std::string handover_socket;  ///< a path, where the next process asks for the sockets; empty: nowhere
  bool cleartext_beyond_loopback = false;
  std::string token_key_file;  ///< empty: the key of local tokens is kept in memory only
  std::uint64_t threads = 0;   ///< 0: one a core
  std::uint64_t max_connections = 8000;
  std::chrono::milliseconds head_timeout = std::chrono::seconds{10};
  std::chrono::milliseconds body_timeout = std::chrono::seconds{10};
  std::chrono::milliseconds idle_timeout = std::chrono::seconds{60};
  std::chrono::milliseconds write_timeout = std::chrono::minutes{2};
  std::uint64_t min_write_rate = 1024;  ///< bytes a second; 0: any
  std::uint64_t max_head = 16 * 1024;   ///< bytes
  std::uint64_t max_body = 64 * 1024;   ///< bytes
  ListenTls tls;
};

/// A `[[client]]` table: who may ask, and how much. If there is none, everybody may who can connect.
struct Client {
  std::string name;
  std::optional<SecretHash> secret_hash;  ///< empty: known by its certificate alone
  std::vector<std::string> accounts;      ///< ids; empty: every account
  double requests_per_second = 0;         ///< 0: no limit
  std::uint64_t burst = 0;                ///< 1 or more where there is a limit, else 0
  double upstream_share = 1;              ///< weight; see Budget::shares
  std::string certificate;                ///< a client certificate's subject CN or DNS name; empty: none

  friend bool operator==(const Client&, const Client&) = default;
};

/// The `[admin]` section.
struct Admin {
  std::optional<Endpoint> address = Endpoint{"127.0.0.1", 8081};  ///< empty: no admin listener
  std::string token_file;  ///< empty: nothing can be changed through the listener
  Secret token;            ///< from load_admin_token
};

/// The `[health]` section: addresses for probes and scrapes alone, which may be beyond loopback.
struct Health {
  std::vector<Endpoint> addresses;  ///< none of them a Unix socket; empty: none without TLS
  ListenTls tls;
};

/// The `[upstream.budget]` section, and a credential's own: what may be sent upstream with one credential.
/// The upstream's real limit is not known; it is learned below this one.
struct Budget {
  double requests_per_second = 10;  ///< 0: no limit
  std::uint64_t burst = 20;
  std::uint64_t max_concurrent = 8;
  std::uint64_t max_queued = 1000;
  std::chrono::milliseconds max_queue_wait = std::chrono::seconds{20};
  /// A client's name and weight, where it is not 1: each [[client]]'s upstream_share, the same in every
  /// budget.
  std::vector<std::pair<std::string, double>> shares;

  friend bool operator==(const Budget&, const Budget&) = default;
};

/// The `[upstream]` section.
struct Upstream {
  Url url{true, "api.rokt.com", 443, ""};
  std::string ca_file;       ///< PEM; empty: the system's certificates
  std::optional<Url> proxy;  ///< an HTTP proxy that CONNECTs to the upstream; empty: straight there
  std::chrono::milliseconds connect_timeout = std::chrono::seconds{5};
  std::chrono::milliseconds head_timeout = std::chrono::seconds{30};
  std::chrono::milliseconds body_timeout = std::chrono::seconds{30};
  std::chrono::milliseconds idle_timeout = std::chrono::seconds{30};
  std::chrono::milliseconds max_age = std::chrono::minutes{10};  ///< of a connection that is used again
  std::uint64_t max_retries = 2;
  std::uint64_t max_connections = 16;
  std::uint64_t max_waiting = 1024;
  std::uint64_t max_response = 16 * 1024 * 1024;  ///< bytes
  Budget budget;                                  ///< what a credential's own begins from
};

/// A `[[credential]]` table. The secrets themselves come from load_credential.
struct Credential {
  std::string name = "default";
  bool is_first = true;  ///< the secrets that name no credential are its: $ROKT_APP_ID and the like
  std::string app_id_file;
  std::string app_secret_file;
  std::vector<std::string> accounts;  ///< ids; empty: every account. See credential_for
  Budget budget;                      ///< complete: what the file left out is the upstream's
  Secret app_id;
  Secret app_secret;
};

/// The `[cache]` section.
struct Cache {
  std::string file;  ///< empty: nothing is kept on disk
  /// Why there is no cache file, where nobody asked for memory only; else empty.
  std::string why_no_file;
  std::uint64_t max_disk = std::uint64_t{1} << 30;      ///< bytes
  std::uint64_t max_memory = std::uint64_t{256} << 20;  ///< bytes
  /// Bytes of bodies beside those that max_memory has room for: arriving, being sent, read, to be written.
  std::uint64_t max_transient = std::uint64_t{256} << 20;
  /// A look-up on disk that takes longer is a miss.
  std::chrono::milliseconds read_timeout{250};
};

/// The `[fleet]` section: what several daemons with the same credential share, and over which engine.
struct Fleet {
  std::optional<EngineUrl> url;  ///< empty: this daemon shares nothing
  std::string username;          ///< of the engine's ACL; empty: its default user
  std::string password_file;
  std::string ca_file;           ///< PEM; empty: the system's certificates
  std::string certificate_file;  ///< PEM; set where key_file is
  std::string key_file;          ///< PEM; see read_private_file
  std::string entry_key_file;    ///< empty: entries are sealed under the app secret
  /// How many daemons share the credentials; 0: as many as are seen. Without `url`, each daemon gets that
  /// part of the budget.
  std::uint64_t expected_instances = 0;
  std::chrono::milliseconds control_timeout{250};  ///< of a command that others wait for
  std::string instance;                            ///< this daemon's name; empty: one is made
  Secret password;                                 ///< from load_fleet_secrets; empty: none
  std::vector<Secret> entry_keys;                  ///< likewise, at most two: the first seals, both open
};

enum class LogLevel { trace, debug, info, warn, error };
enum class LogFormat { text, json };
enum class FileFormat { same, text, json };
/// Whether standard error is a log: `automatic`, where there is no log.file.
enum class StandardError { automatic, always, never };
[[nodiscard]] std::string_view to_string(LogLevel level);

/// The `[log]` section.
struct Log {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::text;
  bool access = true;
  std::string file;                           ///< empty: none
  FileFormat file_format = FileFormat::same;  ///< same: `format`
  StandardError standard_error = StandardError::automatic;

  [[nodiscard]] bool to_standard_error() const {
    return standard_error == StandardError::always ||
           (standard_error == StandardError::automatic && file.empty());
  }
  [[nodiscard]] LogFormat format_of_file() const {
    if (file_format == FileFormat::same) return format;
    return file_format == FileFormat::json ? LogFormat::json : LogFormat::text;
  }
};

/// Everything an operator can set, with its default. A plain value.
struct Settings {
  Listen listen;
  Admin admin;
  Health health;
  Upstream upstream;
  std::vector<Credential> credentials{Credential{}};  ///< one or more, each of another name
  std::vector<Client> clients;                        ///< each of another name; empty: open to everybody
  Cache cache;
  Fleet fleet;
  caching::FreshnessPolicy freshness;
  std::vector<caching::PolicyOverride> freshness_overrides;  ///< the first that matches a request counts
  rokt::ParameterRules parameters;
  caching::WarmingRules warming;
  std::vector<caching::NamedWarming> named_warmings;  ///< each another one
  std::vector<rokt::Route> routes;                    ///< the operator's, besides the built-in ones
  Log log;
  /// The place where a setting was given, for messages: "FILE:LINE" or "$VARIABLE", by "section.key". For a
  /// credential, by the key and name that load_credential's errors begin with.
  std::map<std::string, std::string> places;
};

}  // namespace roktcached::config
