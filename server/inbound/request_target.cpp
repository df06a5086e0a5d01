#include "server/inbound/request_target.h"

#include "core/http/fields.h"

namespace roktcached::inbound {

namespace {

Error refused(ErrorCode code, std::string context) {
  return {.code = code, .source = ErrorSource::inbound, .retryable = false, .context = std::move(context)};
}

}  // namespace

Result<RequestTarget> read_target(std::string_view method, std::string_view target, std::string_view host,
                                  bool encrypted) {
  if (target.starts_with('/')) return RequestTarget{std::string(target), false};
  if (target == "*" && method == "OPTIONS") return refused(ErrorCode::method_not_allowed, "GET, HEAD, POST");
  const std::string_view scheme = encrypted ? "https://" : "http://";
  if (method == "CONNECT" || !http::equal_ignoring_case(target.substr(0, scheme.size()), scheme))
    return refused(ErrorCode::invalid_request, "target: accepted: a path that begins with '/'");
  const std::string_view rest = target.substr(scheme.size());
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  if (host.empty() || !http::equal_ignoring_case(authority, host))
    return refused(ErrorCode::invalid_request, "target: names another server than Host");
  const std::string_view path = rest.substr(authority.size());
  return RequestTarget{path.starts_with('/') ? std::string(path) : "/" + std::string(path), true};
}

}  // namespace roktcached::inbound
