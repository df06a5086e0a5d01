#include "server/admin/body_answer.h"

#include "core/caching/body.h"

namespace roktcached::admin {

http::Answer with_body(unsigned status, std::string_view type, std::string body) {
  http::Answer answer;
  answer.status = status;
  answer.field("Content-Type", type)
      .field("Cache-Control", "no-store")
      .field("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
      .field("X-Frame-Options", "DENY")
      .field("Referrer-Policy", "no-referrer");
  answer.body = caching::share_body(std::move(body));
  return answer;
}

}  // namespace roktcached::admin
