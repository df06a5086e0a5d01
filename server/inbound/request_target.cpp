#include "server/inbound/request_target.h"

#include "core/http/fields.h"
#include "core/http/message_head.h"

namespace roktcached::inbound {

namespace {

Error refused(ErrorCode code, std::string context) {
  return {.code = code, .source = ErrorSource::inbound, .retryable = false, .context = std::move(context)};
}

}  // namespace

Result<bool> read_target(std::string_view method, std::string_view target, std::string_view host,
                         bool encrypted, std::string& origin_form) {
  if (target.starts_with('/')) {
    origin_form = target;
    return false;
  }
  if (target == "*" && method == "OPTIONS") return refused(ErrorCode::method_not_allowed, "GET, HEAD, POST");
  const auto absolute = http::absolute_target(target);
  if (!absolute || !http::equal_ignoring_case(absolute->scheme, encrypted ? "https" : "http"))
    return refused(ErrorCode::invalid_request, "target: accepted: a path that begins with '/'");
  if (!http::equal_ignoring_case(absolute->authority, host))
    return refused(ErrorCode::invalid_request, "target: names another server than Host");
  origin_form = absolute->origin.starts_with('/') ? "" : "/";
  origin_form += absolute->origin;
  return true;
}

}  // namespace roktcached::inbound
