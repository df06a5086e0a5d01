#include "server/inbound/host_check.h"

#include <algorithm>

namespace roktcached::inbound {

namespace {

bool is_port(std::string_view text) {
  return text.size() <= 5 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
         c == '_';
}

/// uri-host [ ":" port ] (RFC 9110, section 7.2) without its port; empty if it is not of that form.
std::string_view name_of(std::string_view host) {
  if (host.starts_with('[')) {
    const auto end = host.find(']');
    if (end == std::string_view::npos) return {};
    const auto rest = host.substr(end + 1);
    if (!rest.empty() && (rest[0] != ':' || !is_port(rest.substr(1)))) return {};
    return host.substr(0, end + 1);
  }
  const auto colon = host.find(':');
  const auto name = host.substr(0, colon);
  if (colon != std::string_view::npos && !is_port(host.substr(colon + 1))) return {};
  return std::ranges::all_of(name, is_host_character) ? name : std::string_view{};
}

Error refused(ErrorCode code, std::string context) {
  return {.code = code, .source = ErrorSource::inbound, .retryable = false, .context = std::move(context)};
}

}  // namespace

Result<void> check_host(const http::Fields& request, bool http11, const std::vector<std::string>& allowed) {
  const auto count = request.count("Host");
  if (count == 0 && !http11) return {};
  if (count != 1)
    return refused(ErrorCode::invalid_request,
                   "Host: a request has exactly one, this one has " + std::to_string(count));
  const std::string_view name = name_of(*request.find("Host"));
  if (name.empty()) return refused(ErrorCode::invalid_request, "Host: not a host name with an optional port");
  if (allowed.empty()) return {};
  const bool known = std::ranges::any_of(
      allowed, [&](const std::string& host) { return http::equal_ignoring_case(host, name); });
  if (!known) {
    return refused(ErrorCode::unknown_host,
                   "Host: " + std::string(name.substr(0, 64)) + " is none of listen.allowed_hosts");
  }
  return {};
}

}  // namespace roktcached::inbound
