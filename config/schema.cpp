#include "config/schema.h"

#include <algorithm>

#include "config/fleet_schema.h"
#include "config/setting_kinds.h"
#include "config/values.h"

namespace roktcached::config {

using std::chrono::milliseconds;

namespace {

std::optional<std::string> parse_host(const std::string& host) {
  const bool address = host.size() > 2 && host.starts_with('[') && host.ends_with(']');
  const std::string_view name =
      address ? std::string_view(host).substr(1, host.size() - 2) : std::string_view(host);
  const bool plain = !name.empty() && std::ranges::all_of(name, [address](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           (address ? c == ':' : c == '-' || c == '_');
  });
  return plain ? std::optional(host) : std::nullopt;
}

std::optional<std::string> parse_currency(const std::string& currency) {
  const bool code =
      currency.size() == 3 && std::ranges::all_of(currency, [](char c) { return c >= 'A' && c <= 'Z'; });
  return code ? std::optional(currency) : std::nullopt;
}

std::string same(const std::string& value) {
  return value;
}

Setting admin_address() {
  return make<std::optional<Endpoint>>(
      "admin.address", ValueKind::text, std::string(accepted_endpoints) + "; on loopback; or \"off\"",
      "Where the dashboard, /status, /metrics, /purge and all else for operators are; \"off\": nowhere",
      [](Settings& s) -> std::optional<Endpoint>& { return s.admin.address; },
      [](const RawValue& raw) -> std::optional<std::optional<Endpoint>> {
        const auto* value = std::get_if<std::string>(&raw);
        if (value == nullptr) return std::nullopt;
        if (*value == "off") return std::optional<std::optional<Endpoint>>(std::in_place, std::nullopt);
        const auto endpoint = parse_endpoint(*value);
        if (!endpoint) return std::nullopt;
        return std::optional<std::optional<Endpoint>>(std::in_place, *endpoint);
      },
      [](const std::optional<Endpoint>& value) -> RawValue {
        return value ? to_string(*value) : std::string("off");
      });
}

Setting upstream_proxy() {
  return make<std::optional<Url>>(
      "upstream.proxy", ValueKind::text, std::string(accepted_proxies) + ", or \"\"",
      "An HTTP proxy that CONNECTs to the upstream; \"\": none",
      [](Settings& s) -> std::optional<Url>& { return s.upstream.proxy; },
      [](const RawValue& raw) -> std::optional<std::optional<Url>> {
        const auto* value = std::get_if<std::string>(&raw);
        if (value == nullptr) return std::nullopt;
        if (value->empty()) return std::optional<std::optional<Url>>(std::in_place, std::nullopt);
        const auto proxy = parse_proxy(*value);
        if (!proxy) return std::nullopt;
        return std::optional<std::optional<Url>>(std::in_place, *proxy);
      },
      [](const std::optional<Url>& value) -> RawValue {
        return value ? "http://" + to_string(Endpoint{value->host, value->port}) : std::string();
      });
}

Setting unix_mode() {
  return make<std::uint32_t>(
      "listen.unix_mode", ValueKind::text, accepted_modes, "The mode of Unix sockets: who may write may ask",
      [](Settings& s) -> std::uint32_t& { return s.listen.unix_mode; }, from_text(parse_mode),
      [](const std::uint32_t& mode) -> RawValue { return format_mode(mode); });
}

Setting handover_socket() {
  return text(
      "listen.handover_socket", "a path that begins with \"/\", or \"\"",
      "Where `roktcached serve --take-over` asks for the listening sockets, a Unix socket; \"\": nowhere",
      [](Settings& s) -> std::string& { return s.listen.handover_socket; });
}

void add_listen(std::vector<Setting>& table) {
  using U = std::uint64_t;
  table.push_back(list<Endpoint>(
      "listen.addresses", "addresses, each once, " + std::string(accepted_endpoints),
      "Where clients connect without TLS; beyond loopback only with [[client]]; port 0: a free one",
      [](Settings& s) -> std::vector<Endpoint>& { return s.listen.addresses; },
      [](const std::string& element) { return parse_endpoint(element); },
      [](const Endpoint& endpoint) { return to_string(endpoint); }, 0));
  table.push_back(list<std::string>(
      "listen.allowed_hosts", "host names in lower case without port, one or more, each once",
      "The Host values that are served; any other gets 421 (a guard against DNS rebinding)",
      [](Settings& s) -> StringList& { return s.listen.allowed_hosts; }, parse_host, same, 1));
  table.push_back(list<std::string>(
      "listen.allowed_origins", "origins, each once: " + std::string(accepted_origins),
      "Web pages of other origins that may read answers in a browser (CORS)",
      [](Settings& s) -> StringList& { return s.listen.allowed_origins; },
      [](const std::string& element) { return parse_origin(element); }, same, 0));
  table.push_back(count(
      "listen.threads", "Threads that serve clients; 0: one a core",
      [](Settings& s) -> U& { return s.listen.threads; }, 0, 256));
  table.push_back(count(
      "listen.max_connections", "Client connections at once; one more gets 503",
      [](Settings& s) -> U& { return s.listen.max_connections; }, 1, 1'000'000));
  table.push_back(duration("listen.head_timeout", "For a request's head, from its first byte",
                           [](Settings& s) -> milliseconds& { return s.listen.head_timeout; }));
  table.push_back(duration("listen.body_timeout", "For a request's content",
                           [](Settings& s) -> milliseconds& { return s.listen.body_timeout; }));
  table.push_back(duration("listen.idle_timeout", "Between two requests on a connection",
                           [](Settings& s) -> milliseconds& { return s.listen.idle_timeout; }));
  table.push_back(duration("listen.write_timeout",
                           "A client that takes nothing of its answer for so long is cut off",
                           [](Settings& s) -> milliseconds& { return s.listen.write_timeout; }));
  table.push_back(size(
      "listen.min_write_rate",
      "Bytes a second: a client that takes less of its answer, on average over write_timeout, is cut off; "
      "\"0B\": any speed will do",
      [](Settings& s) -> U& { return s.listen.min_write_rate; }, 0, std::uint64_t{1} << 30));
  table.push_back(size(
      "listen.max_head", "The largest request head, request line and fields",
      [](Settings& s) -> U& { return s.listen.max_head; }, 1024, 1024 * 1024));
  table.push_back(size(
      "listen.max_body", "The largest request content", [](Settings& s) -> U& { return s.listen.max_body; },
      1024, 64 * 1024 * 1024));
  table.push_back(unix_mode());
  table.push_back(text("listen.unix_group", "a group's name, or \"\"",
                       "The group of Unix sockets; \"\": the daemon's own",
                       [](Settings& s) -> std::string& { return s.listen.unix_group; }));
  table.push_back(handover_socket());
  table.push_back(boolean("listen.cleartext_beyond_loopback",
                          "Addresses beyond loopback may do without TLS: clients' secrets and reports can be "
                          "read on the way",
                          [](Settings& s) -> bool& { return s.listen.cleartext_beyond_loopback; }));
  table.push_back(
      text("listen.token_key_file", "a path, or \"\"",
           "The key of the tokens that clients get, made at the first start; \"\": token.key beside "
           "the cache file, without one memory only",
           [](Settings& s) -> std::string& { return s.listen.token_key_file; }));
}

Setting tcp_addresses(const std::string& name, const std::string& help, Field<std::vector<Endpoint>> field) {
  return list<Endpoint>(
      name, "addresses, each once, " + std::string(accepted_tcp_endpoints), help, std::move(field),
      [](const std::string& element) { return parse_tcp_endpoint(element); },
      [](const Endpoint& endpoint) { return to_string(endpoint); }, 0);
}

/// @param section  of a listener's TLS; its keys are the same for each
void add_tls(std::vector<Setting>& table, const std::string& section, const std::string& addresses_help,
             const Field<ListenTls>& tls) {
  table.push_back(tcp_addresses(section + ".addresses", addresses_help,
                                [tls](Settings& s) -> std::vector<Endpoint>& { return tls(s).addresses; }));
  table.push_back(text(section + ".certificate_file", "a path to a PEM file, or \"\"",
                       "The certificate, followed by those between it and the root; read again on SIGHUP",
                       [tls](Settings& s) -> std::string& { return tls(s).certificate_file; }));
  table.push_back(text(section + ".key_file", "a path to a PEM file, or \"\"",
                       "The certificate's key, a private file; read again on SIGHUP",
                       [tls](Settings& s) -> std::string& { return tls(s).key_file; }));
  table.push_back(text(section + ".client_ca_file", "a path to a PEM file, or \"\"",
                       "Certificates that clients' must descend from; \"\": clients are not asked for one",
                       [tls](Settings& s) -> std::string& { return tls(s).client_ca_file; }));
  table.push_back(boolean(section + ".require_client_certificate",
                          "A client without a certificate of client_ca_file cannot connect",
                          [tls](Settings& s) -> bool& { return tls(s).require_client_certificate; }));
}

void add_health(std::vector<Setting>& table) {
  table.push_back(
      tcp_addresses("health.addresses",
                    "Where probes and scrapes connect: /livez, /readyz and /metrics alone; beyond loopback "
                    "too; port 0: a free one",
                    [](Settings& s) -> std::vector<Endpoint>& { return s.health.addresses; }));
  add_tls(table, "health.tls", "The same with TLS; port 0: a free one",
          [](Settings& s) -> ListenTls& { return s.health.tls; });
}

void add_admin(std::vector<Setting>& table) {
  table.push_back(admin_address());
  table.push_back(
      text("admin.token_file", "a path, or \"\"",
           "A private file with the token that POST /purge and /reload ask for over TCP, 16 characters or "
           "more; \"\": it is refused",
           [](Settings& s) -> std::string& { return s.admin.token_file; }));
}

void add_upstream(std::vector<Setting>& table) {
  using U = std::uint64_t;
  table.push_back(make<Url>(
      "upstream.url", ValueKind::text, accepted_urls, "The Rokt Reporting API",
      [](Settings& s) -> Url& { return s.upstream.url; }, from_text(parse_url),
      [](const Url& url) -> RawValue { return to_string(url); }));
  table.push_back(text("upstream.ca_file", "a path to a PEM file, or \"\"",
                       "Certificates that the upstream's must descend from; \"\": the system's",
                       [](Settings& s) -> std::string& { return s.upstream.ca_file; }));
  table.push_back(upstream_proxy());
  table.push_back(duration("upstream.connect_timeout", "For name lookup, connection and TLS handshake",
                           [](Settings& s) -> milliseconds& { return s.upstream.connect_timeout; }));
  table.push_back(duration("upstream.head_timeout",
                           "From the request to the head of its answer; also for a token",
                           [](Settings& s) -> milliseconds& { return s.upstream.head_timeout; }));
  table.push_back(duration("upstream.body_timeout", "For the content of an answer",
                           [](Settings& s) -> milliseconds& { return s.upstream.body_timeout; }));
  table.push_back(duration("upstream.idle_timeout", "How long an unused connection is kept open",
                           [](Settings& s) -> milliseconds& { return s.upstream.idle_timeout; }));
  table.push_back(duration("upstream.max_age", "A kept connection is not used again after this",
                           [](Settings& s) -> milliseconds& { return s.upstream.max_age; }));
  table.push_back(count(
      "upstream.max_retries", "So often a failed fetch is tried again; 0: never",
      [](Settings& s) -> U& { return s.upstream.max_retries; }, 0, 10));
  table.push_back(count(
      "upstream.max_connections", "Connections to the upstream at once",
      [](Settings& s) -> U& { return s.upstream.max_connections; }, 1, 1024));
  table.push_back(count(
      "upstream.max_waiting", "Fetches that wait for a connection at once; one more gets 503",
      [](Settings& s) -> U& { return s.upstream.max_waiting; }, 1, 100'000));
  table.push_back(size(
      "upstream.max_response", "The largest answer that is kept; a larger one streams through",
      [](Settings& s) -> U& { return s.upstream.max_response; }, 1024, std::uint64_t{1} << 30));
}

void add_budget(std::vector<Setting>& table) {
  using U = std::uint64_t;
  table.push_back(rate(
      "upstream.budget.requests_per_second",
      "The ceiling of what is sent upstream a credential; the real limit is learned below it; 0: no limit",
      [](Settings& s) -> double& { return s.upstream.budget.requests_per_second; }, 0.01, 100'000));
  table.push_back(count(
      "upstream.budget.burst", "Requests that may be sent at once after a pause",
      [](Settings& s) -> U& { return s.upstream.budget.burst; }, 1, 100'000));
  table.push_back(count(
      "upstream.budget.max_concurrent", "Requests under way at once",
      [](Settings& s) -> U& { return s.upstream.budget.max_concurrent; }, 1, 1024));
  table.push_back(count(
      "upstream.budget.max_queued",
      "Requests that wait for their turn at once; one more, and the client with the most waiting gets a 503",
      [](Settings& s) -> U& { return s.upstream.budget.max_queued; }, 0, 1'000'000));
  table.push_back(duration("upstream.budget.max_queue_wait",
                           "The longest that a request waits to be sent: for token, turn and connection, and "
                           "before retries",
                           [](Settings& s) -> milliseconds& { return s.upstream.budget.max_queue_wait; }));
}

void add_cache(std::vector<Setting>& table) {
  using U = std::uint64_t;
  table.push_back(text("cache.file", "a path, or \"\"",
                       "The cache file, SQLite; \"\": memory only. Without this key: roktcached.db in "
                       "$CACHE_DIRECTORY (systemd), else in "
                       "$XDG_CACHE_HOME/roktcached, else in ~/.cache/roktcached; memory only without a home",
                       [](Settings& s) -> std::string& { return s.cache.file; }));
  table.push_back(size(
      "cache.max_disk",
      "The largest that the cache file and its log may become together; up to 48 MiB more while another "
      "program reads it",
      [](Settings& s) -> U& { return s.cache.max_disk; }, std::uint64_t{32} << 20, std::uint64_t{1} << 50));
  table.push_back(size(
      "cache.max_memory",
      "The memory for cached answers; beside it the cache file's pages take a quarter of it, 8 to 64 MiB",
      [](Settings& s) -> U& { return s.cache.max_memory; }, std::uint64_t{1} << 20, std::uint64_t{1} << 46));
  table.push_back(size(
      "cache.max_transient",
      "The memory for answers beside that: arriving, being sent, read from the cache file or on their way to "
      "it",
      [](Settings& s) -> U& { return s.cache.max_transient; }, std::uint64_t{1} << 20,
      std::uint64_t{1} << 46));
  table.push_back(duration("cache.read_timeout",
                           "The longest that a request waits for the cache file; then it is a miss",
                           [](Settings& s) -> milliseconds& { return s.cache.read_timeout; }));
}

void add_freshness(std::vector<Setting>& table) {
  constexpr milliseconds none{0};
  table.push_back(duration(
      "freshness.open", "A report whose range has not ended; \"0ms\" in this section: not kept, or never",
      [](Settings& s) -> milliseconds& { return s.freshness.open; }, none));
  table.push_back(duration(
      "freshness.restating", "A report whose range ended within the restatement window",
      [](Settings& s) -> milliseconds& { return s.freshness.restating; }, none));
  table.push_back(duration(
      "freshness.restating_max", "The same once it has not changed at several refreshes in a row",
      [](Settings& s) -> milliseconds& { return s.freshness.restating_max; }, none));
  table.push_back(count(
      "freshness.restating_steady_after",
      "So many unchanged refreshes in a row double a restating report's lifetime, one more doubles it again; "
      "0: never",
      [](Settings& s) -> std::uint64_t& { return s.freshness.restating_steady_after; }, 0, 1000));
  table.push_back(duration(
      "freshness.settled", "A report whose range ended earlier",
      [](Settings& s) -> milliseconds& { return s.freshness.settled; }, none));
  table.push_back(duration(
      "freshness.metadata", "Metadata of campaigns, audiences and creatives",
      [](Settings& s) -> milliseconds& { return s.freshness.metadata; }, none));
  table.push_back(duration(
      "freshness.not_found", "The upstream's 404",
      [](Settings& s) -> milliseconds& { return s.freshness.not_found; }, none));
  table.push_back(duration(
      "freshness.bad_request", "The upstream's 400",
      [](Settings& s) -> milliseconds& { return s.freshness.bad_request; }, none));
  table.push_back(duration(
      "freshness.restatement_window", "How long late conversions still change a past range",
      [](Settings& s) -> milliseconds& { return s.freshness.restatement_window; }, none));
  table.push_back(duration(
      "freshness.stale_while_revalidate", "How long a stale answer is served while it is refreshed behind",
      [](Settings& s) -> milliseconds& { return s.freshness.stale_while_revalidate; }, none));
  table.push_back(duration(
      "freshness.stale_if_error", "How long a stale answer is served when the upstream fails",
      [](Settings& s) -> milliseconds& { return s.freshness.stale_if_error; }, none));
  table.push_back(duration(
      "freshness.min_refetch_interval", "Clients' no-cache refetches a key no more often than this",
      [](Settings& s) -> milliseconds& { return s.freshness.min_refetch_interval; }, none));
  table.push_back(count(
      "freshness.refresh_ahead_uses",
      "A key asked for at least so often in its last lifetime is refreshed shortly before it expires; 0: "
      "never",
      [](Settings& s) -> std::uint64_t& { return s.freshness.refresh_ahead_uses; }, 0, 1'000'000));
}

void add_warming(std::vector<Setting>& table) {
  table.push_back(boolean("warming.learn",
                          "Whether reports are fetched before anybody asks for them that clients ask for on "
                          "three of five days, with dates that move with the day",
                          [](Settings& s) -> bool& { return s.warming.learn; }));
  table.push_back(duration(
      "warming.settling_time",
      "How long after midnight, on the clock of its zone, a learned report is fetched at the earliest",
      [](Settings& s) -> milliseconds& { return s.warming.settling_time; }, milliseconds{0}));
}

void add_rest(std::vector<Setting>& table) {
  table.push_back(choice<rokt::Validation>(
      "parameters.validation", {{"strict", rokt::Validation::strict}, {"lenient", rokt::Validation::lenient}},
      "strict: a bad parameter gets 400 here; lenient: it is forwarded",
      [](Settings& s) -> rokt::Validation& { return s.parameters.validation; }));
  table.push_back(list<std::string>(
      "parameters.extra_currencies", "ISO 4217 codes, each once, e.g. [\"CHF\"]",
      "Currencies accepted besides the API's ten",
      [](Settings& s) -> StringList& { return s.parameters.extra_currencies; }, parse_currency, same, 0));
  table.push_back(duration(
      "parameters.open_end_step",
      "A dateEnd that is about now is rounded down to a multiple of it, so that many requests are one; at "
      "most 1d; 0s: never",
      [](Settings& s) -> milliseconds& { return s.parameters.open_end_step; }, milliseconds{0},
      std::chrono::hours{24}));
  table.push_back(choice<LogLevel>("log.level",
                                   {{"trace", LogLevel::trace},
                                    {"debug", LogLevel::debug},
                                    {"info", LogLevel::info},
                                    {"warn", LogLevel::warn},
                                    {"error", LogLevel::error}},
                                   "The least severe lines that are logged",
                                   [](Settings& s) -> LogLevel& { return s.log.level; }));
  table.push_back(choice<LogFormat>("log.format", {{"text", LogFormat::text}, {"json", LogFormat::json}},
                                    "text for people, json for machines, with the same fields",
                                    [](Settings& s) -> LogFormat& { return s.log.format; }));
  table.push_back(
      boolean("log.access", "One line a request", [](Settings& s) -> bool& { return s.log.access; }));
  table.push_back(text("log.file", "a path, or \"\"",
                       "A file that the lines go to, opened again on SIGUSR1; \"\": none",
                       [](Settings& s) -> std::string& { return s.log.file; }));
  table.push_back(choice<FileFormat>(
      "log.file_format", {{"same", FileFormat::same}, {"text", FileFormat::text}, {"json", FileFormat::json}},
      "The format of the file; same: that of log.format",
      [](Settings& s) -> FileFormat& { return s.log.file_format; }));
  table.push_back(
      choice<StandardError>("log.stderr",
                            {{"auto", StandardError::automatic},
                             {"always", StandardError::always},
                             {"never", StandardError::never}},
                            "Whether the lines go to standard error, or to the journal where that is the "
                            "journal's, in log.format; auto: where there is no log.file",
                            [](Settings& s) -> StandardError& { return s.log.standard_error; }));
}

}  // namespace

const std::vector<Setting>& schema() {
  static const std::vector<Setting> table = [] {
    std::vector<Setting> rows;
    add_listen(rows);
    add_tls(rows, "listen.tls",
            "Where clients connect with TLS; beyond loopback only with [[client]]; port 0: a free one",
            [](Settings& s) -> ListenTls& { return s.listen.tls; });
    add_admin(rows);
    add_health(rows);
    add_upstream(rows);
    add_budget(rows);
    add_cache(rows);
    add_fleet(rows);
    add_freshness(rows);
    add_warming(rows);
    add_rest(rows);
    return rows;
  }();
  return table;
}

}  // namespace roktcached::config
