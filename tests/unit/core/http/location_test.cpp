#include "core/http/location.h"

#include <gtest/gtest.h>

namespace roktcached::http {
namespace {

constexpr Place rokt{"https", "api.rokt.com", 443, ""};
constexpr Place behind_a_base{"http", "[::1]", 9090, "/v1"};

TEST(LocalLocation, WhatLeadsToTheUpstreamBecomesAPath) {
  EXPECT_EQ(local_location("https://api.rokt.com/reporting/x?a=1#f", rokt), "/reporting/x?a=1#f");
  EXPECT_EQ(local_location("HTTPS://API.ROKT.COM:443/x", rokt), "/x");
  EXPECT_EQ(local_location("//api.rokt.com/x", rokt), "/x");
  EXPECT_EQ(local_location("https://api.rokt.com", rokt), "/");
  EXPECT_EQ(local_location("https://api.rokt.com?a=1", rokt), "/?a=1");
  EXPECT_EQ(local_location("http://[::1]:9090/v1/x", behind_a_base), "/x");
  EXPECT_EQ(local_location("/v1/x", behind_a_base), "/x");
  EXPECT_EQ(local_location("/v1", behind_a_base), "/");
}

TEST(LocalLocation, WhatLeadsElsewhereStaysAsItIs) {
  for (const char* elsewhere :
       {"https://login.rokt.com/x", "http://api.rokt.com/x", "https://api.rokt.com:8443/x",
        "https://api.rokt.com.evil.example/x", "https://user@api.rokt.com/x",
        "https://api.rokt.com//evil.example/x", "https://api.rokt.com/\\evil.example/x",
        "https://api.rokt.com/\t/evil.example/x", "/x", "x", "", "?a=1", "mailto:a@b"})
    EXPECT_FALSE(local_location(elsewhere, rokt)) << elsewhere;
  for (const char* elsewhere : {"http://[::1]:9090/x", "http://[::1]/v1/x", "/v10/x", "/x", "v1/x"})
    EXPECT_FALSE(local_location(elsewhere, behind_a_base)) << elsewhere;
}

}  // namespace
}  // namespace roktcached::http
