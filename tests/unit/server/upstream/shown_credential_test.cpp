#include "server/upstream/shown_credential.h"

#include <gtest/gtest.h>

namespace roktcached::upstream {
namespace {

namespace beast_http = boost::beast::http;

TEST(ShownCredential, IsInTheRequestForAsLongAsItLives) {
  WireRequest request(beast_http::verb::get, "/", 11);
  request.set(beast_http::field::host, "api.example.com");
  for (const char* token : {"first", "second"}) {
    const ShownCredential shown(request, "Bearer", token);
    EXPECT_EQ(request[beast_http::field::authorization], std::string("Bearer ") + token);
  }
  EXPECT_EQ(request.count(beast_http::field::authorization), 0U);
  EXPECT_EQ(request[beast_http::field::host], "api.example.com");
}

TEST(ShownCredential, TakesThePlaceOfAnother) {
  WireRequest request(beast_http::verb::get, "/", 11);
  request.set(beast_http::field::authorization, "Bearer of-the-client");
  const ShownCredential shown(request, "Bearer", "ours");
  EXPECT_EQ(request.count(beast_http::field::authorization), 1U);
  EXPECT_EQ(request[beast_http::field::authorization], "Bearer ours");
}

TEST(ShownCredential, DoesNotMindThatTheFieldIsGone) {
  WireRequest request(beast_http::verb::get, "/", 11);
  const ShownCredential shown(request, "Bearer", "ours");
  request.erase(beast_http::field::authorization);
}

}  // namespace
}  // namespace roktcached::upstream
