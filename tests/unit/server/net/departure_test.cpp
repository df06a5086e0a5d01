#include "server/net/departure.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace roktcached {
namespace {

TEST(Departure, CallsEveryWatchOnceTheInnermostFirst) {
  Departure departure;
  std::string called;
  const Departure::Watch outer(&departure, [&] { called += "outer "; });
  {
    const Departure::Watch inner(&departure, [&] { called += "inner "; });
    departure.announce();
    EXPECT_EQ(called, "inner outer ");
    departure.announce();
  }
  EXPECT_EQ(called, "inner outer ") << "also when the inner one has ended";
  EXPECT_TRUE(departure.gone());
}

TEST(Departure, CallsTheOuterWatchWhereTheInnerOneHasEnded) {
  Departure departure;
  std::string called;
  std::optional<Departure::Watch> outer(std::in_place, &departure, [&] { called += "outer "; });
  {
    const Departure::Watch inner(&departure, [&] { called += "inner "; });
  }
  departure.announce();
  EXPECT_EQ(called, "outer ");
  outer.reset();
}

TEST(Departure, CallsAtOnceWhoWatchesTooLate) {
  Departure departure;
  departure.announce();
  std::string called;
  const Departure::Watch watch(&departure, [&] { called += "late "; });
  EXPECT_EQ(called, "late ");
  const Departure::Watch another(&departure, [&] { called += "later "; });
  EXPECT_EQ(called, "late later ");
}

TEST(Departure, AnActionMayEndItsOwnWatch) {
  Departure departure;
  std::string called;
  const Departure::Watch outer(&departure, [&] { called += "outer "; });
  std::optional<Departure::Watch> inner;
  inner.emplace(&departure, [&] {
    called += "inner ";
    inner.reset();
  });
  departure.announce();
  EXPECT_EQ(called, "inner outer ");
}

TEST(Departure, IsOfOneRequest) {
  Departure departure;
  int calls = 0;
  {
    const Departure::Watch watch(&departure, [&] { ++calls; });
  }
  departure.announce();
  EXPECT_EQ(calls, 0) << "nobody watches any more";
  departure.reset();
  EXPECT_FALSE(departure.gone());
  const Departure::Watch watch(&departure, [&] { ++calls; });
  EXPECT_EQ(calls, 0);
  departure.announce();
  EXPECT_EQ(calls, 1);
  const Departure::Watch never(nullptr, [&] { ++calls; });
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace roktcached
