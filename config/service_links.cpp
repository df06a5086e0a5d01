#include "config/service_links.h"

#include <algorithm>
#include <array>
#include <optional>

namespace roktcached::config {

namespace {

constexpr std::array<std::string_view, 3> protocols = {"TCP", "UDP", "SCTP"};

/// `text` behind its beginning; empty if it begins otherwise.
std::optional<std::string_view> behind(std::string_view text, std::string_view beginning) {
  return text.starts_with(beginning) ? std::optional(text.substr(beginning.size())) : std::nullopt;
}

/// "8080_TCP", "8080_TCP_ADDR" and their like, which stand behind "PORT_".
bool is_port(std::string_view text) {
  const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto protocol = behind(text.substr(digits), "_");
  if (digits == 0 || !protocol) return false;
  return std::ranges::any_of(protocols, [&](std::string_view one) {
    const auto part = behind(*protocol, one);
    return part && (part->empty() || *part == "_PROTO" || *part == "_PORT" || *part == "_ADDR");
  });
}

}  // namespace

/// Takes the names of every Service that "roktcached" is the beginning of: "roktcached-fleet" gives
/// ROKTCACHED_FLEET_PORT.
bool is_service_link(std::string_view name, std::string_view value) {
  const auto rest = behind(name, "ROKTCACHED");
  if (!rest || !rest->starts_with('_')) return false;
  if (rest->ends_with("_PORT") && value.find("://") != std::string_view::npos) return true;
  if (rest->ends_with("_SERVICE_HOST") || rest->ends_with("_SERVICE_PORT")) return true;
  constexpr std::string_view named_port = "_SERVICE_PORT_";
  const auto named = rest->find(named_port);
  if (named != std::string_view::npos && named + named_port.size() < rest->size()) return true;
  constexpr std::string_view numbered_port = "_PORT_";
  for (auto at = rest->find(numbered_port); at != std::string_view::npos;
       at = rest->find(numbered_port, at + 1)) {
    if (is_port(rest->substr(at + numbered_port.size()))) return true;
  }
  return false;
}

std::vector<std::string> service_links(const Environment& environment) {
  std::vector<std::string> links;
  for (const std::string& name : environment.names()) {
    if (is_service_link(name, environment.get(name).value_or(""))) links.push_back(name);
  }
  std::ranges::sort(links);
  return links;
}

}  // namespace roktcached::config
