#include "server/upstream/wire/wire_request.h"

#include <gtest/gtest.h>

#include <string>

namespace roktcached::upstream {
namespace {

std::string head_of(const WireRequest& request) {
  WipedBuffer buffer;
  request.append_head(buffer);
  return {static_cast<const char*>(buffer.cdata().data()), buffer.size()};
}

TEST(WireRequestTest, ItsHeadHasItsFieldsInTheirOrderAndByTheirNames) {
  WireRequest request("GET", "/base", "/a?b=c");
  request.add("Host", "upstream.invalid:8080");
  request.add("rokt-version", "2020-05-21");
  request.add("Accept", "*/*");
  EXPECT_EQ(head_of(request),
            "GET /base/a?b=c HTTP/1.1\r\nHost: upstream.invalid:8080\r\nrokt-version: 2020-05-21\r\n"
            "Accept: */*\r\n\r\n");
  EXPECT_EQ(request.method(), "GET");
}

TEST(WireRequestTest, ItsHeadAnnouncesItsContent) {
  WireRequest request("REPORT", "", "/");
  request.set_content("four");
  EXPECT_EQ(head_of(request), "REPORT / HTTP/1.1\r\nContent-Length: 4\r\n\r\n");
  EXPECT_EQ(request.content(), "four");
  EXPECT_EQ(request.method(), "REPORT");
}

TEST(WireRequestTest, KnowsWhetherItAsksForRanges) {
  WireRequest request("GET", "", "/");
  request.add("If-Range", "\"a\"");
  EXPECT_FALSE(request.asks_for_ranges());
  request.add("range", "bytes=0-1");
  EXPECT_TRUE(request.asks_for_ranges());
}

TEST(WireRequestTest, KnowsWhetherItIsConditional) {
  for (const char* name : {"if-none-match", "If-Modified-Since"}) {
    WireRequest request("GET", "", "/");
    EXPECT_FALSE(request.is_conditional());
    request.add(name, "\"a\"");
    request.add("Accept", "*/*");
    EXPECT_TRUE(request.is_conditional());
  }
}

TEST(ShownCredential, IsInTheRequestForAsLongAsItLives) {
  WireRequest request("GET", "", "/");
  request.add("Host", "api.example.com");
  for (const char* token : {"first", "second"}) {
    const ShownCredential shown(request, "Bearer", token);
    EXPECT_EQ(head_of(request), "GET / HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer " +
                                    std::string(token) + "\r\n\r\n");
  }
  EXPECT_EQ(head_of(request), "GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
}

}  // namespace
}  // namespace roktcached::upstream
