#include "config/schema.h"

#include <algorithm>

#include "config/fleet_schema.h"
#include "config/setting_kinds.h"
#include "config/values.h"
#include "core/ascii.h"

namespace roktcached::config {

using std::chrono::milliseconds;

namespace {

std::optional<std::string> parse_host(const std::string& host) {
  const bool address = host.size() > 2 && host.starts_with('[') && host.ends_with(']');
  const std::string_view name =
      address ? std::string_view(host).substr(1, host.size() - 2) : std::string_view(host);
  const bool plain = !name.empty() && std::ranges::all_of(name, [address](char c) {
    return is_lower(c) || is_digit(c) || c == '.' || (address ? c == ':' : c == '-' || c == '_');
  });
  return plain ? std::optional(host) : std::nullopt;
}

std::optional<std::string> parse_currency(const std::string& currency) {
  const bool code = currency.size() == 3 && std::ranges::all_of(currency, is_upper);
  return code ? std::optional(currency) : std::nullopt;
}

std::string same(const std::string& value) {
  return value;
}

Setting admin_address() {
  return value_or<Endpoint>(
      "off", "admin.address", std::string(accepted_endpoints) + "; on loopback; or \"off\"",
      [](Settings& s) -> std::optional<Endpoint>& { return s.admin.address; }, parse_endpoint,
      [](const Endpoint& address) { return to_string(address); });
}

Setting upstream_proxy() {
  return value_or<Url>(
      "", "upstream.proxy", std::string(accepted_proxies) + ", or \"\"",
      [](Settings& s) -> std::optional<Url>& { return s.upstream.proxy; }, parse_proxy,
      [](const Url& proxy) {
        return "http://" + to_string(Endpoint{proxy.host, proxy.port});
      });
}

Setting unix_mode() {
  return make<std::uint32_t>(
      "listen.unix_mode", ValueKind::text, accepted_modes,
      [](Settings& s) -> std::uint32_t& { return s.listen.unix_mode; }, from_text(parse_mode),
      [](const std::uint32_t& mode) -> RawValue { return format_mode(mode); });
}

Setting handover_socket() {
  return text("listen.handover_socket", "a path that begins with \"/\", or \"\"",
              [](Settings& s) -> std::string& { return s.listen.handover_socket; });
}

void add_listen(std::vector<Setting>& table) {
  using U = std::uint64_t;
  table.push_back(list<Endpoint>(
      "listen.addresses", "addresses, each once, " + std::string(accepted_endpoints),
      [](Settings& s) -> std::vector<Endpoint>& { return s.listen.addresses; },
      [](const std::string& element) { return parse_endpoint(element); },
      [](const Endpoint& endpoint) { return to_string(endpoint); }, 0));
  table.push_back(list<std::string>(
      "listen.allowed_hosts", "host names in lower case without port, one or more, each once",
      [](Settings& s) -> StringList& { return s.listen.allowed_hosts; }, parse_host, same, 1));
  table.push_back(list<std::string>(
      "listen.allowed_origins", "origins, each once: " + std::string(accepted_origins),
      [](Settings& s) -> StringList& { return s.listen.allowed_origins; },
      [](const std::string& element) { return parse_origin(element); }, same, 0));
  table.push_back(count(
      "listen.threads", [](Settings& s) -> U& { return s.listen.threads; }, 0, 256));
  table.push_back(count(
      "listen.max_connections", [](Settings& s) -> U& { return s.listen.max_connections; }, 1, 1'000'000));
  table.push_back(
      duration("listen.head_timeout", [](Settings& s) -> milliseconds& { return s.listen.head_timeout; }));
  table.push_back(
      duration("listen.body_timeout", [](Settings& s) -> milliseconds& { return s.listen.body_timeout; }));
  table.push_back(
      duration("listen.idle_timeout", [](Settings& s) -> milliseconds& { return s.listen.idle_timeout; }));
  table.push_back(
      duration("listen.write_timeout", [](Settings& s) -> milliseconds& { return s.listen.write_timeout; }));
  table.push_back(size(
      "listen.min_write_rate", [](Settings& s) -> U& { return s.listen.min_write_rate; }, 0,
      std::uint64_t{1} << 30));
  table.push_back(size(
      "listen.max_head", [](Settings& s) -> U& { return s.listen.max_head; }, 1024, 1024 * 1024));
  table.push_back(size(
      "listen.max_body", [](Settings& s) -> U& { return s.listen.max_body; }, 1024, 64 * 1024 * 1024));
  table.push_back(unix_mode());
  table.push_back(text("listen.unix_group", "a group's name, or \"\"",
                       [](Settings& s) -> std::string& { return s.listen.unix_group; }));
  table.push_back(handover_socket());
  table.push_back(boolean("listen.cleartext_beyond_loopback",
                          [](Settings& s) -> bool& { return s.listen.cleartext_beyond_loopback; }));
  table.push_back(text("listen.token_key_file", "a path, or \"\"",
                       [](Settings& s) -> std::string& { return s.listen.token_key_file; }));
}

Setting tcp_addresses(std::string_view name, Field<std::vector<Endpoint>> field) {
  return list<Endpoint>(
      name, "addresses, each once, " + std::string(accepted_tcp_endpoints), std::move(field),
      [](const std::string& element) { return parse_tcp_endpoint(element); },
      [](const Endpoint& endpoint) { return to_string(endpoint); }, 0);
}

/// @param section  of a listener's TLS; its keys are the same for each
void add_tls(std::vector<Setting>& table, const std::string& section, const Field<ListenTls>& tls) {
  table.push_back(tcp_addresses(section + ".addresses",
                                [tls](Settings& s) -> std::vector<Endpoint>& { return tls(s).addresses; }));
  table.push_back(text(section + ".certificate_file", "a path to a PEM file, or \"\"",
                       [tls](Settings& s) -> std::string& { return tls(s).certificate_file; }));
  table.push_back(text(section + ".key_file", "a path to a PEM file, or \"\"",
                       [tls](Settings& s) -> std::string& { return tls(s).key_file; }));
  table.push_back(text(section + ".client_ca_file", "a path to a PEM file, or \"\"",
                       [tls](Settings& s) -> std::string& { return tls(s).client_ca_file; }));
  table.push_back(boolean(section + ".require_client_certificate",
                          [tls](Settings& s) -> bool& { return tls(s).require_client_certificate; }));
}

void add_health(std::vector<Setting>& table) {
  table.push_back(tcp_addresses("health.addresses",
                                [](Settings& s) -> std::vector<Endpoint>& { return s.health.addresses; }));
  add_tls(table, "health.tls", [](Settings& s) -> ListenTls& { return s.health.tls; });
}

void add_admin(std::vector<Setting>& table) {
  table.push_back(admin_address());
  table.push_back(text("admin.token_file", "a path, or \"\"",
                       [](Settings& s) -> std::string& { return s.admin.token_file; }));
}

void add_upstream(std::vector<Setting>& table) {
  using U = std::uint64_t;
  table.push_back(make<Url>(
      "upstream.url", ValueKind::text, accepted_urls, [](Settings& s) -> Url& { return s.upstream.url; },
      from_text(parse_url), [](const Url& url) -> RawValue { return to_string(url); }));
  table.push_back(text("upstream.ca_file", "a path to a PEM file, or \"\"",
                       [](Settings& s) -> std::string& { return s.upstream.ca_file; }));
  table.push_back(upstream_proxy());
  table.push_back(duration("upstream.connect_timeout",
                           [](Settings& s) -> milliseconds& { return s.upstream.connect_timeout; }));
  table.push_back(duration("upstream.head_timeout",
                           [](Settings& s) -> milliseconds& { return s.upstream.head_timeout; }));
  table.push_back(duration("upstream.body_timeout",
                           [](Settings& s) -> milliseconds& { return s.upstream.body_timeout; }));
  table.push_back(duration("upstream.idle_timeout",
                           [](Settings& s) -> milliseconds& { return s.upstream.idle_timeout; }));
  table.push_back(
      duration("upstream.max_age", [](Settings& s) -> milliseconds& { return s.upstream.max_age; }));
  table.push_back(count(
      "upstream.max_retries", [](Settings& s) -> U& { return s.upstream.max_retries; }, 0, 10));
  table.push_back(count(
      "upstream.max_connections", [](Settings& s) -> U& { return s.upstream.max_connections; }, 1, 1024));
  table.push_back(count(
      "upstream.max_waiting", [](Settings& s) -> U& { return s.upstream.max_waiting; }, 1, 100'000));
  table.push_back(size(
      "upstream.max_response", [](Settings& s) -> U& { return s.upstream.max_response; }, 1024,
      std::uint64_t{1} << 30));
}

void add_budget(std::vector<Setting>& table) {
  using U = std::uint64_t;
  table.push_back(rate(
      "upstream.budget.requests_per_second",
      [](Settings& s) -> double& { return s.upstream.budget.requests_per_second; }, 0.01, 100'000));
  table.push_back(count(
      "upstream.budget.burst", [](Settings& s) -> U& { return s.upstream.budget.burst; }, 1, 100'000));
  table.push_back(count(
      "upstream.budget.max_concurrent", [](Settings& s) -> U& { return s.upstream.budget.max_concurrent; }, 1,
      1024));
  table.push_back(count(
      "upstream.budget.max_queued", [](Settings& s) -> U& { return s.upstream.budget.max_queued; }, 0,
      1'000'000));
  table.push_back(duration("upstream.budget.max_queue_wait",
                           [](Settings& s) -> milliseconds& { return s.upstream.budget.max_queue_wait; }));
}

void add_cache(std::vector<Setting>& table) {
  using U = std::uint64_t;
  table.push_back(
      text("cache.file", "a path, or \"\"", [](Settings& s) -> std::string& { return s.cache.file; }));
  table.push_back(size(
      "cache.max_disk", [](Settings& s) -> U& { return s.cache.max_disk; }, std::uint64_t{32} << 20,
      std::uint64_t{1} << 50));
  table.push_back(size(
      "cache.max_memory", [](Settings& s) -> U& { return s.cache.max_memory; }, std::uint64_t{1} << 20,
      std::uint64_t{1} << 46));
  table.push_back(size(
      "cache.max_transient", [](Settings& s) -> U& { return s.cache.max_transient; }, std::uint64_t{1} << 20,
      std::uint64_t{1} << 46));
  table.push_back(
      duration("cache.read_timeout", [](Settings& s) -> milliseconds& { return s.cache.read_timeout; }));
}

void add_freshness(std::vector<Setting>& table) {
  constexpr milliseconds none{0};
  table.push_back(duration(
      "freshness.open", [](Settings& s) -> milliseconds& { return s.freshness.open; }, none));
  table.push_back(duration(
      "freshness.restating", [](Settings& s) -> milliseconds& { return s.freshness.restating; }, none));
  table.push_back(duration(
      "freshness.restating_max", [](Settings& s) -> milliseconds& { return s.freshness.restating_max; },
      none));
  table.push_back(count(
      "freshness.restating_steady_after",
      [](Settings& s) -> std::uint64_t& { return s.freshness.restating_steady_after; }, 0, 1000));
  table.push_back(duration(
      "freshness.settled", [](Settings& s) -> milliseconds& { return s.freshness.settled; }, none));
  table.push_back(duration(
      "freshness.metadata", [](Settings& s) -> milliseconds& { return s.freshness.metadata; }, none));
  table.push_back(duration(
      "freshness.not_found", [](Settings& s) -> milliseconds& { return s.freshness.not_found; }, none));
  table.push_back(duration(
      "freshness.bad_request", [](Settings& s) -> milliseconds& { return s.freshness.bad_request; }, none));
  table.push_back(duration(
      "freshness.restatement_window",
      [](Settings& s) -> milliseconds& { return s.freshness.restatement_window; }, none));
  table.push_back(duration(
      "freshness.stale_while_revalidate",
      [](Settings& s) -> milliseconds& { return s.freshness.stale_while_revalidate; }, none));
  table.push_back(duration(
      "freshness.stale_if_error", [](Settings& s) -> milliseconds& { return s.freshness.stale_if_error; },
      none));
  table.push_back(duration(
      "freshness.min_refetch_interval",
      [](Settings& s) -> milliseconds& { return s.freshness.min_refetch_interval; }, none));
  table.push_back(count(
      "freshness.refresh_ahead_uses",
      [](Settings& s) -> std::uint64_t& { return s.freshness.refresh_ahead_uses; }, 0, 1'000'000));
}

void add_warming(std::vector<Setting>& table) {
  table.push_back(boolean("warming.learn", [](Settings& s) -> bool& { return s.warming.learn; }));
  table.push_back(duration(
      "warming.settling_time", [](Settings& s) -> milliseconds& { return s.warming.settling_time; },
      milliseconds{0}));
}

void add_rest(std::vector<Setting>& table) {
  table.push_back(choice<rokt::Validation>(
      "parameters.validation", {{"strict", rokt::Validation::strict}, {"lenient", rokt::Validation::lenient}},
      [](Settings& s) -> rokt::Validation& { return s.parameters.validation; }));
  table.push_back(list<std::string>(
      "parameters.extra_currencies", "ISO 4217 codes, each once, e.g. [\"CHF\"]",
      [](Settings& s) -> StringList& { return s.parameters.extra_currencies; }, parse_currency, same, 0));
  table.push_back(duration(
      "parameters.open_end_step", [](Settings& s) -> milliseconds& { return s.parameters.open_end_step; },
      milliseconds{0}, std::chrono::hours{24}));
  table.push_back(choice<LogLevel>("log.level",
                                   {{"trace", LogLevel::trace},
                                    {"debug", LogLevel::debug},
                                    {"info", LogLevel::info},
                                    {"warn", LogLevel::warn},
                                    {"error", LogLevel::error}},
                                   [](Settings& s) -> LogLevel& { return s.log.level; }));
  table.push_back(choice<LogFormat>("log.format", {{"text", LogFormat::text}, {"json", LogFormat::json}},
                                    [](Settings& s) -> LogFormat& { return s.log.format; }));
  table.push_back(boolean("log.access", [](Settings& s) -> bool& { return s.log.access; }));
  table.push_back(
      text("log.file", "a path, or \"\"", [](Settings& s) -> std::string& { return s.log.file; }));
  table.push_back(choice<FileFormat>(
      "log.file_format", {{"same", FileFormat::same}, {"text", FileFormat::text}, {"json", FileFormat::json}},
      [](Settings& s) -> FileFormat& { return s.log.file_format; }));
  table.push_back(choice<StandardError>("log.stderr",
                                        {{"auto", StandardError::automatic},
                                         {"always", StandardError::always},
                                         {"never", StandardError::never}},
                                        [](Settings& s) -> StandardError& { return s.log.standard_error; }));
}

}  // namespace

const std::vector<Setting>& schema() {
  static const std::vector<Setting> table = [] {
    std::vector<Setting> rows;
    add_listen(rows);
    add_tls(rows, "listen.tls", [](Settings& s) -> ListenTls& { return s.listen.tls; });
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

std::string Setting::environment_name() const {
  std::string text = "ROKTCACHED_" + section + "_" + key;
  std::ranges::transform(text, text.begin(), [](char c) { return c == '.' ? '_' : to_upper(c); });
  return text;
}

const Setting* find_setting(std::string_view section, std::string_view key) {
  const auto found =
      std::ranges::find_if(schema(), [&](const Setting& s) { return s.section == section && s.key == key; });
  return found == schema().end() ? nullptr : &*found;
}

bool is_section(std::string_view name) {
  return std::ranges::find(schema(), name, &Setting::section) != schema().end();
}

std::vector<std::string> keys_of(std::string_view section) {
  std::vector<std::string> keys;
  for (const auto& setting : schema()) {
    if (setting.section == section) keys.push_back(setting.key);
  }
  return keys;
}

}  // namespace roktcached::config
