#include "server/upstream/token/shown_credential.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/server/upstream/wire/written_head.h"

namespace roktcached::upstream {
namespace {

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
