#include "server/upstream/wire_request.h"

#include <gtest/gtest.h>

#include <string>

namespace roktcached::upstream {
namespace {

namespace beast_http = boost::beast::http;

std::string head_of(const WireRequest& request) {
  WipedBuffer buffer;
  append_head(buffer, request);
  return {static_cast<const char*>(buffer.cdata().data()), buffer.size()};
}

TEST(WireRequestTest, ItsHeadHasItsFieldsInTheirOrderAndByTheirNames) {
  WireRequest request(beast_http::verb::get, "/a?b=c", 11);
  request.set(beast_http::field::host, "upstream.invalid:8080");
  request.set("rokt-version", "2020-05-21");
  request.set(beast_http::field::accept, "*/*");
  EXPECT_EQ(head_of(request),
            "GET /a?b=c HTTP/1.1\r\nHost: upstream.invalid:8080\r\nrokt-version: 2020-05-21\r\n"
            "Accept: */*\r\n\r\n");
}

TEST(WireRequestTest, ItsHeadAnnouncesItsContent) {
  WireRequest request(beast_http::verb::post, "/", 11);
  request.method_string("REPORT");
  request.body() = "four";
  request.prepare_payload();
  EXPECT_EQ(head_of(request), "REPORT / HTTP/1.1\r\nContent-Length: 4\r\n\r\n");
}

}  // namespace
}  // namespace roktcached::upstream
