#include "server/admin/body_answer.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

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

http::Answer with_json(const boost::json::object& content, unsigned status) {
  return with_body(status, "application/json", boost::json::serialize(content) + "\n");
}

}  // namespace roktcached::admin
