#include "server/proxy/own_pages.h"

#include <string>

#include "server/http/problem.h"
#include "server/runtime.h"

namespace roktcached::proxy {

using http::Answer;
using http::Request;

namespace {

Answer page(std::string_view type, caching::BodyPtr body) {
  Answer answer;
  answer.field("Content-Type", type).field("Cache-Control", "no-store");
  answer.body = std::move(body);
  return answer;
}

}  // namespace

std::optional<Answer> own_page(const Request& request, std::string_view path) {
  static const auto name = caching::share_body(
      "roktcached: a caching proxy of the Rokt Reporting API; /openapi.json describes it\n");
  const bool is_name = path == "/";
  if (!is_name && path != "/openapi.json") return std::nullopt;
  if (request.method != "GET" && request.method != "HEAD")
    return problem({ErrorCode::method_not_allowed, false, "GET, HEAD"}, request.id);
  if (is_name) return page("text/plain; charset=utf-8", name);
  return page("application/json", request.runtime->openapi);
}

}  // namespace roktcached::proxy
