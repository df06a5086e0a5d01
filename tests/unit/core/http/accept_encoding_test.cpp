#include "core/http/accept_encoding.h"

#include <gtest/gtest.h>

namespace roktcached::http {
namespace {

bool prefers(std::initializer_list<const char*> values) {
  Fields request;
  for (const char* const value : values) request.add("Accept-Encoding", value);
  return prefers_gzip(request);
}

TEST(AcceptEncoding, WelcomesGzip) {
  for (const char* const value :
       {"gzip", "GZip", "x-gzip", "gzip, deflate, br, zstd", "br;q=1.0, gzip;q=0.8", "gzip;q=0.001",
        "deflate,gzip", "gzip ; Q=1", "gzip;q=1.000, identity;q=0.5", "identity, gzip", "identity;q=0, gzip",
        "*", "*;q=0.5", "br, *;q=0.1", "identity;q=0, *;q=0.1", "gzip;q=0.5, *;q=0", "identity;q=0.2,*;q=0.2",
        " , gzip,,"})
    EXPECT_TRUE(prefers({value})) << value;
  EXPECT_TRUE(prefers({"br", "gzip"}));
}

TEST(AcceptEncoding, DoesWithoutGzip) {
  for (const char* const value :
       {"", "identity", "br", "deflate", "gzip;q=0", "gzip;q=0.0", "gzip;q=0.000", "gzip;q=0, *", "*;q=0",
        "gzip;q=0.5, identity", "gzip;q=0.5, identity;q=0.501", "identity, *;q=0.5", "identity;q=0",
        "identity;q=0, gzip;q=0", "gzipped", "xgzip", "br, *;q=0"})
    EXPECT_FALSE(prefers({value})) << value;
  EXPECT_FALSE(prefers({}));
}

TEST(AcceptEncoding, AMalformedMemberWelcomesNothing) {
  for (const char* const value :
       {"gzip;q=", "gzip;q=2", "gzip;q=1.001", "gzip;q=0.1234", "gzip;q=-1", "gzip;q=.5", "gzip;q=0,5",
        "gzip;level=9", "gzip;q=1;x=y", "gzip;", "gzip;q=1.0000", "gzip;q=01"})
    EXPECT_FALSE(prefers({value})) << value;
}

TEST(AcceptEncoding, OfContradictionsTheLeastWillingCounts) {
  EXPECT_FALSE(prefers({"gzip, gzip;q=0"}));
  EXPECT_FALSE(prefers({"gzip;q=0", "x-gzip"}));
}

}  // namespace
}  // namespace roktcached::http
