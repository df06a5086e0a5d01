#include "server/simulator/ledger.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace roktcached::simulator {
namespace {

TEST(LedgerTest, IsEmptyAtFirst) {
  EXPECT_EQ(boost::json::parse(Ledger().to_json()),
            boost::json::parse(R"({"total":0,"by_target":{},"by_status":{},"tokens_minted":0})"));
}

TEST(LedgerTest, CountsByTargetAndStatus) {
  Ledger ledger;
  for (int i = 0; i < 2; ++i) ledger.received("GET", "/reporting/x?a=\"1\"");
  ledger.received("HEAD", "/metadata/y");
  ledger.answered(200);
  ledger.answered(200);
  ledger.answered(0);
  ledger.minted();
  EXPECT_EQ(boost::json::parse(ledger.to_json()), boost::json::parse(R"({
    "total":3,"by_target":{"GET /reporting/x?a=\"1\"":2,"HEAD /metadata/y":1},"by_status":{"200":2,"0":1},"tokens_minted":1})"));
}

TEST(LedgerTest, IsClearedWhole) {
  Ledger ledger;
  ledger.received("GET", "/x");
  ledger.answered(200);
  ledger.minted();
  ledger.clear();
  EXPECT_EQ(ledger.to_json(), Ledger().to_json());
}

}  // namespace
}  // namespace roktcached::simulator
