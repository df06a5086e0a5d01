#include "server/access/browser_check.h"

#include <algorithm>

namespace roktcached::access {

namespace {

Error forbidden(std::string context) {
  return {.code = ErrorCode::forbidden, .context = std::move(context)};
}

bool is_own(std::string_view origin, const http::Fields& request, bool encrypted) {
  const std::string own =
      (encrypted ? "https://" : "http://") + std::string(request.find("Host").value_or(""));
  return http::equal_ignoring_case(origin, own);
}

bool is_one(const http::Fields& request, std::string_view name, std::string_view value) {
  return request.count(name) == 1 && http::equal_ignoring_case(*request.find(name), value);
}

/// A link that is followed in a window or a tab. Sec-Fetch-User, which says that a person has clicked, is no
/// condition: not every browser sends it.
bool follows_link(std::string_view method, const http::Fields& request) {
  return (method == "GET" || method == "HEAD") && is_one(request, "Sec-Fetch-Mode", "navigate") &&
         is_one(request, "Sec-Fetch-Dest", "document") && !request.contains("Sec-Purpose") &&
         !request.contains("Purpose");
}

bool asks_from_elsewhere(const http::Fields& request) {
  if (!request.contains("Sec-Fetch-Site")) return false;
  return std::ranges::any_of(request.all(), [](const http::Field& field) {
    return http::equal_ignoring_case(field.name, "Sec-Fetch-Site") &&
           !http::equal_ignoring_case(field.value, "same-origin") &&
           !http::equal_ignoring_case(field.value, "none");
  });
}

}  // namespace

Result<std::string_view> reading_origin(std::string_view method, const http::Fields& request, bool encrypted,
                                        const std::vector<std::string>& allowed) {
  const auto origin = request.find("Origin");
  if (origin) {
    const bool one = request.count("Origin") == 1;
    const auto known = std::ranges::find(allowed, *origin);
    if (one && known != allowed.end()) return std::string_view(*known);
    if (!one || !is_own(*origin, request, encrypted))
      return forbidden("Origin: accepted: this listener's own, and those of listen.allowed_origins");
  }
  if (asks_from_elsewhere(request) && !follows_link(method, request))
    return forbidden("Sec-Fetch-Site: accepted: same-origin or none; a page elsewhere asks");
  return std::string_view();
}

void add_browser_fields(std::string& head, std::string_view origin, bool any_allowed) {
  head += "X-Content-Type-Options: nosniff\r\n";
  if (any_allowed) head += "Vary: Origin\r\n";
  if (origin.empty()) {
    head += "Cross-Origin-Resource-Policy: same-origin\r\n";
    return;
  }
  head.append("Cross-Origin-Resource-Policy: cross-origin\r\nAccess-Control-Allow-Origin: ")
      .append(origin)
      .append(
          "\r\nAccess-Control-Expose-Headers: Age, Cache-Status, ETag, Proxy-Status, Report-Range, "
          "Report-State, "
          "Retry-After, X-Request-Id\r\n");
}

bool is_preflight(std::string_view method, std::string_view origin, const http::Fields& request) {
  return method == "OPTIONS" && !origin.empty() && request.contains("Access-Control-Request-Method");
}

std::string preflight_fields(const http::Fields& request, std::string_view methods) {
  std::string lines = "Access-Control-Allow-Methods: ";
  lines += methods;
  lines +=
      "\r\nAccess-Control-Allow-Headers: Accept-Language, Authorization, Cache-Control, Content-Type, "
      "If-Match, If-Modified-Since, If-None-Match, If-Unmodified-Since, Range, Rokt-Version, X-API-Key, "
      "X-Request-Id\r\n"
      "Access-Control-Max-Age: 600\r\n";
  if (request.contains("Access-Control-Request-Private-Network"))
    lines += "Access-Control-Allow-Private-Network: true\r\n";
  return lines;
}

}  // namespace roktcached::access
