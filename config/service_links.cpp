#include "config/service_links.h"

#include <algorithm>
#include <array>
#include <optional>

namespace roktcached::config {

namespace {

constexpr std::array<std::string_view, 3> protocols = {"TCP", "UDP", "SCTP"};

/// `text` behind its beginning; empty where it begins otherwise.
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

bool is_service_link(std::string_view name, std::string_view value) {
  const auto rest = behind(name, "ROKTCACHED_");
  if (!rest) return false;
  if (*rest == "PORT") return value.find("://") != std::string_view::npos;
  if (*rest == "SERVICE_HOST" || *rest == "SERVICE_PORT") return true;
  if (const auto port_name = behind(*rest, "SERVICE_PORT_")) return !port_name->empty();
  const auto port = behind(*rest, "PORT_");
  return port && is_port(*port);
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
