#include "server/proxy/forwarded_fields.h"

#include <gtest/gtest.h>

namespace roktcached::proxy {
namespace {

class ForwardedFields : public testing::Test {
 public:
  ForwardedFields& with(std::string_view name, std::string_view value) {
    request.fields.add(name, value);
    return *this;
  }

 protected:
  ForwardedFields() {
    route.route_class = rokt::RouteClass::off;
    route.inject_token = false;
    request.method = "GET";
    request.fields.add("Host", "localhost:8080");
  }
  /// The values of all field lines of this name that go upstream.
  std::vector<std::string> values(std::string_view name) {
    std::vector<std::string> found;
    const http::Fields fields = forwarded_fields(request, route, left);
    for (const auto& field : fields.all()) {
      if (http::equal_ignoring_case(field.name, name)) found.emplace_back(field.value);
    }
    return found;
  }
  bool passes(std::string_view name) { return !values(name).empty(); }

  http::Request request;
  rokt::Route route;
  LeftToOrigin left;
};

using Values = std::vector<std::string>;

TEST_F(ForwardedFields, AreThoseOfTheClientEndToEnd) {
  for (const char* name :
       {"User-Agent", "Cookie", "X-Custom", "Accept", "Accept-Encoding", "Referer", "Origin", "If-None-Match",
        "If-Modified-Since", "If-Match", "Range", "Content-Type", "Authorization", "X-HTTP-Method-Override",
        "a_b", "X-Request-Id", "Max-Forwards", "traceparent"}) {
    with(name, "v");
    EXPECT_EQ(values(name), Values{"v"}) << name;
  }
}

TEST_F(ForwardedFields, AreNoneOfThisConnection) {
  with("Connection", "close, X-Hop")
      .with("X-Hop", "1")
      .with("Keep-Alive", "timeout=5")
      .with("TE", "trailers");
  with("Upgrade", "h2c").with("HTTP2-Settings", "AAMA").with("Proxy-Authorization", "Basic eDp5");
  with("Expect", "100-continue").with("Content-Length", "0").with("Transfer-Encoding", "chunked");
  for (const char* name : {"Host", "Connection", "X-Hop", "Keep-Alive", "TE", "Upgrade", "HTTP2-Settings",
                           "Proxy-Authorization", "Expect", "Content-Length", "Transfer-Encoding"})
    EXPECT_FALSE(passes(name)) << name;
}

TEST_F(ForwardedFields, OfOneNameAreOneLine) {
  with("X-Custom", "a")
      .with("Cookie", "a=1")
      .with("x-custom", "b")
      .with("cookie", "b=2; c=3")
      .with("Via", "1.0 a");
  EXPECT_EQ(values("X-Custom"), Values{"a, b"});
  EXPECT_EQ(values("Cookie"), Values{"a=1; b=2; c=3"});
  EXPECT_EQ(values("Via"), Values{"1.0 a"});
}

TEST_F(ForwardedFields, LeaveOutWhatIsJudgedHere) {
  with("If-None-Match", "*").with("If-Modified-Since", "x").with("Range", "bytes=0-").with("If-Range", "x");
  with("If-Match", "*");
  left = {.conditions = false, .range = false};
  for (const char* name : {"If-None-Match", "If-Modified-Since", "Range", "If-Range"})
    EXPECT_FALSE(passes(name)) << name;
  EXPECT_TRUE(passes("If-Match"));
}

TEST_F(ForwardedFields, NeverShowALocalToken) {
  with("Authorization", "Basic YTpi").with("Authorization", "bearer local.name.a.b");
  EXPECT_FALSE(passes("Authorization")) << "nor a line beside it";
}

/// Nothing that could write is forwarded with the shared token.
TEST_F(ForwardedFields, WithTheSharedTokenMakeNoOtherRequestOfIt) {
  route.inject_token = true;
  for (const char* name :
       {"X-HTTP-Method-Override", "X-Method-Override", "X-Original-URL", "X-Rewrite-URL",
        "X-Forwarded-Prefix", "X_HTTP_Method_Override", "Content_Length", "Authorization", "Forwarded"}) {
    with(name, "v");
    EXPECT_FALSE(passes(name)) << name;
  }
  for (const char* name : {"User-Agent", "Cookie", "X-Custom", "Accept-Language", "Range"}) {
    with(name, "v");
    EXPECT_TRUE(passes(name)) << name;
  }
}

TEST_F(ForwardedFields, CountHopsOfOptions) {  // RFC 9110, section 7.6.2
  with("Max-Forwards", "10");
  EXPECT_EQ(values("Max-Forwards"), Values{"10"}) << "a GET's says nothing";
  request.method = "OPTIONS";
  EXPECT_EQ(values("Max-Forwards"), Values{"9"});
  request.fields.set("Max-Forwards", "99999999999");
  EXPECT_EQ(values("Max-Forwards"), Values{"4294967294"});
  request.fields.set("Max-Forwards", "many");
  EXPECT_EQ(values("Max-Forwards"), Values{}) << "what cannot be counted down is not passed on";
}

}  // namespace
}  // namespace roktcached::proxy
