#include "server/status_line.h"

#include <gtest/gtest.h>

namespace roktcached {
namespace {

TEST(StatusLineTest, CountsForAPerson) {
  EXPECT_EQ(status_line({.connections = 3, .answers = 12'480, .upstream_requests = 96}),
            "Serving 3 connections; 12,480 answers for 96 upstream requests");
  EXPECT_EQ(status_line({.connections = 1, .answers = 1, .upstream_requests = 1}),
            "Serving 1 connection; 1 answer for 1 upstream request");
  EXPECT_EQ(status_line({.connections = 0, .answers = 1'234'567, .upstream_requests = 999}),
            "Serving 0 connections; 1,234,567 answers for 999 upstream requests");
}

TEST(StatusLineTest, NamesWhatIsAmissInOneLine) {
  EXPECT_EQ(status_line({.troubles = {"no access token: 401\nREADY=1", "cache file: full"}}),
            "Serving 0 connections; 0 answers for 0 upstream requests; no access token: 401 READY=1; cache "
            "file: full");
}

}  // namespace
}  // namespace roktcached
