#include "core/http/target.h"

#include <gtest/gtest.h>

#include <string>

namespace roktcached::http {
namespace {

TEST(DotSegments, AreFoundHoweverTheyAreSpelled) {
  for (const char* path : {"/a/../b", "/a/./b", "/..", "/a/..", "/a/%2e%2e/b", "/a/.%2E/b", "/a/..%2fb",
                           "/a/..%2Fb", "/a%2f..%2fb", "/a/..;/b", "/a/..;x=1/b", "/a/%2e%2e%3b/b",
                           "/a/..%5cb", "/a/%252e%252e/b", "/a/..%252fb", "/a/%25252e./b"})
    EXPECT_TRUE(has_dot_segments(path)) << path;
}

TEST(DotSegments, AreNotWhatOnlyHasDotsInIt) {
  for (const char* path : {"/", "/a/b", "/a/.../b", "/a/..b", "/a/b..", "/a/.b", "/a.b/c", "/a/%20/b",
                           "/a//b", "/a/x%2fy", "/a/b;.", "/a/%25", "/a/%252"})
    EXPECT_FALSE(has_dot_segments(path)) << path;
}

/// In as many passes as it is encoded, this would take hours.
TEST(DotSegments, AreFoundInOnePassHoweverOftenTheyAreEncoded) {
  std::string encoded = "/a/%";
  for (int i = 0; i < 500'000; ++i) encoded += "25";
  EXPECT_TRUE(has_dot_segments(encoded + "2e./b"));
  EXPECT_FALSE(has_dot_segments(encoded + "61./b"));
  EXPECT_TRUE(has_dot_segments("/a/%2%35%32e%2E/b")) << "the digits of an octet may be encoded themselves";
}

}  // namespace
}  // namespace roktcached::http
