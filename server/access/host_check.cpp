#include "server/access/host_check.h"

#include <algorithm>
#include <boost/asio/ip/address_v6.hpp>

#include "core/ascii.h"
#include "core/number.h"

namespace roktcached::access {

namespace {

bool is_port(std::string_view text) {
  return text.empty() || parse_number<std::uint16_t>(text);
}

bool is_ipv6(std::string_view text) {
  if (text.find('%') != std::string_view::npos) return false;  // a zone has no place here (RFC 6874)
  boost::system::error_code error;
  boost::asio::ip::make_address_v6(text, error);
  return !error;
}

bool is_host_character(char c) {
  return is_letter_or_digit(c) || c == '.' || c == '-' || c == '_';
}

/// uri-host [ ":" port ] (RFC 9110, section 7.2) without its port; empty if it is not of that form.
std::string_view name_of(std::string_view host) {
  if (host.starts_with('[')) {
    const auto end = host.find(']');
    if (end == std::string_view::npos || !is_ipv6(host.substr(1, end - 1))) return {};
    const auto rest = host.substr(end + 1);
    if (!rest.empty() && (rest[0] != ':' || !is_port(rest.substr(1)))) return {};
    return host.substr(0, end + 1);
  }
  const auto colon = host.find(':');
  const auto name = host.substr(0, colon);
  if (colon != std::string_view::npos && !is_port(host.substr(colon + 1))) return {};
  return std::ranges::all_of(name, is_host_character) ? name : std::string_view{};
}

Error bad_host(ErrorCode code, std::string context) {
  return {.code = code, .context = std::move(context)};
}

}  // namespace

Result<void> check_host(const http::Fields& request, bool http11, const std::vector<std::string>& allowed) {
  const auto count = request.count("Host");
  if (count == 0 && !http11) return {};
  if (count != 1)
    return bad_host(ErrorCode::invalid_request,
                    "Host: a request has exactly one, this one has " + std::to_string(count));
  const std::string_view name = name_of(*request.find("Host"));
  if (name.empty())
    return bad_host(ErrorCode::invalid_request, "Host: not a host name with an optional port");
  if (allowed.empty()) return {};
  const bool known = std::ranges::any_of(
      allowed, [&](const std::string& host) { return http::equal_ignoring_case(host, name); });
  if (!known) {
    return bad_host(ErrorCode::unknown_host,
                    "Host: " + std::string(name.substr(0, 64)) + " is none of listen.allowed_hosts");
  }
  return {};
}

}  // namespace roktcached::access
