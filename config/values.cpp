#include "config/values.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>
#include <vector>

#include "core/ascii.h"
#include "core/http/field_names.h"
#include "core/number.h"

namespace roktcached::config {

using std::chrono::milliseconds;

namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// The largest first.
constexpr std::array<Unit, 5> duration_units = {
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};
constexpr std::array<Unit, 4> size_units = {
    {{"GiB", std::uint64_t{1} << 30}, {"MiB", std::uint64_t{1} << 20}, {"KiB", 1024}, {"B", 1}}};
constexpr std::string_view unix_prefix = "unix:";
constexpr std::uint16_t default_engine_port = 6379;
constexpr std::uint64_t longest_ms = std::uint64_t{3650} * 86'400'000;

template <class Units>
std::optional<std::uint64_t> parse_with_unit(std::string_view text, const Units& units) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  const std::string_view name = text.substr(static_cast<std::size_t>(end - text.data()));
  const auto unit = std::ranges::find(units, name, &Unit::name);
  if (unit == units.end() || value > std::numeric_limits<std::uint64_t>::max() / unit->factor)
    return std::nullopt;
  return value * unit->factor;
}

template <class Units>
std::string format_with_unit(std::uint64_t value, const Units& units) {
  const auto unit = std::ranges::find_if(
      units, [value](const Unit& candidate) { return value != 0 && value % candidate.factor == 0; });
  if (unit == units.end()) return "0" + std::string(units.back().name);
  return std::to_string(value / unit->factor) + std::string(unit->name);
}

bool is_host(std::string_view host) {
  const bool bracketed = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
  if (bracketed) host = host.substr(1, host.size() - 2);
  return !host.empty() && std::ranges::all_of(host, [bracketed](char c) {
    return is_letter_or_digit(c) || c == '.' || c == '-' || (bracketed && c == ':');
  });
}

/// "host[:port]"; the port's absence is `usual`.
std::optional<Endpoint> parse_authority(std::string_view text, std::optional<std::uint16_t> usual) {
  const auto bracket = text.rfind(']');
  const auto colon = text.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  if (!has_port && !usual) return std::nullopt;
  const auto host = has_port ? text.substr(0, colon) : text;
  const auto port = has_port ? parse_number<std::uint16_t>(text.substr(colon + 1)) : usual;
  if (!port || !is_host(host)) return std::nullopt;
  return Endpoint{std::string(host), *port};
}

/// Reads the path behind "unix:". It has to fit into a sockaddr_un, with the zero that ends it.
std::optional<Endpoint> parse_socket(std::string_view path) {
  constexpr std::size_t longest = sizeof(sockaddr_un::sun_path) - 1;
  const bool plain =
      std::ranges::none_of(path, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (!path.starts_with('/') || path.ends_with('/') || path.size() > longest || !plain) return std::nullopt;
  return Endpoint{"", 0, std::string(path)};
}

}  // namespace

std::optional<milliseconds> parse_duration(std::string_view text) {
  const auto value = parse_with_unit(text, duration_units);
  if (!value || *value > longest_ms) return std::nullopt;
  return milliseconds{static_cast<milliseconds::rep>(*value)};
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  return parse_with_unit(text, size_units);
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  if (text.starts_with(unix_prefix)) return parse_socket(text.substr(unix_prefix.size()));
  return parse_tcp_endpoint(text);
}

std::optional<Endpoint> parse_tcp_endpoint(std::string_view text) {
  return parse_authority(text, std::nullopt);
}

std::optional<Url> parse_url(std::string_view text) {
  Url url;
  if (text.starts_with("https://")) {
    text.remove_prefix(8);
  } else if (text.starts_with("http://")) {
    url.tls = false;
    text.remove_prefix(7);
  } else {
    return std::nullopt;
  }
  const auto slash = std::min(text.find('/'), text.size());
  const auto authority =
      parse_authority(text.substr(0, slash), static_cast<std::uint16_t>(url.tls ? 443 : 80));
  std::string_view path = text.substr(slash);
  while (path.ends_with('/')) path.remove_suffix(1);
  const bool plain = std::ranges::all_of(path, [](char c) {
    return is_letter_or_digit(c) || std::string_view("/-._~!$&'()*+,;=:@").find(c) != std::string_view::npos;
  });
  if (!authority || authority->port == 0 || !plain) return std::nullopt;
  url.host = authority->host;
  url.port = authority->port;
  url.base_path = path;
  return url;
}

std::optional<Url> parse_proxy(std::string_view text) {
  constexpr std::string_view scheme = "http://";
  if (!text.starts_with(scheme)) return std::nullopt;
  text.remove_prefix(scheme.size());
  if (text.ends_with('/')) text.remove_suffix(1);
  auto endpoint = parse_tcp_endpoint(text);
  if (!endpoint || endpoint->port == 0) return std::nullopt;
  return Url{false, std::move(endpoint->host), endpoint->port, ""};
}

std::optional<EngineUrl> parse_engine_url(std::string_view text) {
  if (text.starts_with(unix_prefix)) {
    auto socket = parse_socket(text.substr(unix_prefix.size()));
    if (!socket) return std::nullopt;
    return EngineUrl{EngineUrl::Kind::unix_socket, "", 0, std::move(socket->path)};
  }
  constexpr std::string_view plain = "redis://";
  constexpr std::string_view tls = "rediss://";
  const bool is_tls = text.starts_with(tls);
  if (!is_tls && !text.starts_with(plain)) return std::nullopt;
  text.remove_prefix(is_tls ? tls.size() : plain.size());
  const auto slash = std::min(text.find('/'), text.size());
  const std::string_view database = text.substr(slash);
  if (!database.empty() && database != "/" && database != "/0") return std::nullopt;
  auto endpoint = parse_authority(text.substr(0, slash), default_engine_port);
  if (!endpoint || endpoint->port == 0) return std::nullopt;
  return EngineUrl{is_tls ? EngineUrl::Kind::tls : EngineUrl::Kind::tcp, std::move(endpoint->host),
                   endpoint->port, ""};
}

std::optional<std::string> parse_origin(std::string_view text) {
  const auto url = parse_url(text);
  const bool lower = std::ranges::none_of(text, [](char c) { return c >= 'A' && c <= 'Z'; });
  if (!url || !url->base_path.empty() || !lower || to_string(*url) != text) return std::nullopt;
  return std::string(text);
}

std::optional<std::uint32_t> parse_mode(std::string_view text) {
  std::uint32_t mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  const bool taken =
      text.size() == 4 && text.front() == '0' && error == std::errc() && end == text.data() + text.size();
  return taken ? std::optional(mode) : std::nullopt;
}

std::string format_duration(milliseconds duration) {
  return format_with_unit(static_cast<std::uint64_t>(duration.count()), duration_units);
}

std::string format_size(std::uint64_t bytes) {
  return format_with_unit(bytes, size_units);
}

std::string format_mode(std::uint32_t mode) {
  std::string text;
  for (const unsigned shift : {9U, 6U, 3U, 0U}) text += static_cast<char>('0' + ((mode >> shift) & 7U));
  return text;
}

bool Endpoint::is_loopback() const {
  if (is_unix()) return true;
  in_addr address{};
  const bool ipv4 = inet_pton(AF_INET, host.c_str(), &address) == 1;
  return host == "localhost" || host == "[::1]" || (ipv4 && host.starts_with("127."));
}

namespace {

/// The addresses that one is connected to, or listens, under this name; none where only a name service knows.
std::vector<std::string> local_addresses(std::string host) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  while (host.ends_with('.')) host.pop_back();
  if (http::equal_ignoring_case(host, "localhost")) return {"127.0.0.1", "::1"};
  in_addr ipv4{};
  in6_addr ipv6{};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (inet_pton(AF_INET, host.c_str(), &ipv4) == 1)
    return {inet_ntop(AF_INET, &ipv4, text.data(), INET6_ADDRSTRLEN)};
  if (inet_pton(AF_INET6, host.c_str(), &ipv6) != 1) return {};
  if (IN6_IS_ADDR_V4MAPPED(&ipv6))
    return {inet_ntop(AF_INET, &ipv6.s6_addr[12], text.data(), INET6_ADDRSTRLEN)};
  return {inet_ntop(AF_INET6, &ipv6, text.data(), INET6_ADDRSTRLEN)};
}

/// Whether who connects to one address reaches who listens on the other.
bool reaches(const std::string& connected, const std::string& listening) {
  const bool ipv6 = connected.find(':') != std::string::npos;
  const std::string any = ipv6 ? "::" : "0.0.0.0";
  const bool loopback = connected == any || (ipv6 ? connected == "::1" : connected.starts_with("127."));
  if (listening == any) return loopback;
  // The system takes "any address" for its loopback where it is connected to.
  return connected == listening || (connected == any && listening == (ipv6 ? "::1" : "127.0.0.1"));
}

}  // namespace

bool Endpoint::is_reached_by(const Url& url) const {
  if (is_unix() || port == 0 || port != url.port) return false;
  if (http::equal_ignoring_case(host, url.host)) return true;
  const std::vector<std::string> listening = local_addresses(host);
  return std::ranges::any_of(local_addresses(url.host), [&](const std::string& connected) {
    return std::ranges::any_of(listening,
                               [&](const std::string& address) { return reaches(connected, address); });
  });
}

std::string to_string(const Endpoint& endpoint) {
  if (endpoint.is_unix()) return std::string(unix_prefix) + endpoint.path;
  return endpoint.host + ":" + std::to_string(endpoint.port);
}

std::string to_string(const Url& url) {
  const std::uint16_t usual = url.tls ? 443 : 80;
  std::string text = (url.tls ? "https://" : "http://") + url.host;
  if (url.port != usual) text += ":" + std::to_string(url.port);
  return text + url.base_path;
}

std::string to_string(const EngineUrl& url) {
  if (url.kind == EngineUrl::Kind::unix_socket) return std::string(unix_prefix) + url.path;
  const std::string text = (url.kind == EngineUrl::Kind::tls ? "rediss://" : "redis://") + url.host;
  return url.port == default_engine_port ? text : text + ":" + std::to_string(url.port);
}

std::string_view to_string(LogLevel level) {
  static constexpr std::array<std::string_view, 5> names = {"trace", "debug", "info", "warn", "error"};
  return names[static_cast<std::size_t>(level)];
}

}  // namespace roktcached::config
