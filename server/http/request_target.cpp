#include "server/http/request_target.h"

#include <algorithm>
#include <array>

#include "core/http/fields.h"
#include "core/http/message_head.h"
#include "core/http/target.h"

namespace roktcached::http {

namespace {

Error bad_target(ErrorCode code, std::string context) {
  return {.code = code, .context = std::move(context)};
}

}  // namespace

Result<std::string_view> read_target(std::string_view method, std::string_view target, bool encrypted,
                                     std::string& origin_form) {
  if (target.starts_with('/')) {
    origin_form = target;
    return std::string_view();
  }
  if (target == "*" && method == "OPTIONS")
    return bad_target(ErrorCode::method_not_allowed, "GET, HEAD, POST");
  const auto absolute = http::absolute_target(target);
  if (!absolute || !http::equal_ignoring_case(absolute->scheme, encrypted ? "https" : "http"))
    return bad_target(ErrorCode::invalid_request, "target: accepted: a path that begins with '/'");
  origin_form = absolute->origin.starts_with('/') ? "" : "/";
  origin_form += absolute->origin;
  return absolute->authority;
}

bool is_beyond_doubt(std::string_view method, std::string_view origin_form) {
  static constexpr std::array<std::string_view, 7> usual = {"GET", "HEAD",  "POST",  "OPTIONS",
                                                            "PUT", "PATCH", "DELETE"};
  return std::ranges::find(usual, method) != usual.end() && http::parse_target(origin_form).has_value();
}

}  // namespace roktcached::http
