#include "server/fleet/answer_location.h"

#include <gtest/gtest.h>

namespace roktcached::fleet {
namespace {

using Fetched = AnswerLocation::Fetched;
using namespace std::chrono_literals;

constexpr WallTime now{1'800'000'000'000ms};

EngineReply list(const std::vector<std::string>& texts) {
  EngineReply reply;
  reply.kind = EngineReply::Kind::list;
  for (const std::string& text : texts) {
    EngineReply& item = reply.items.emplace_back();
    if (text.empty()) continue;  // nil
    item.kind = EngineReply::Kind::text;
    item.text = text;
  }
  return reply;
}

TEST(AnswerLocation, IsAsTheEngineTellsIt) {
  const AnswerLocation nothing = location_of(list({"", ""}), list({"", ""}), "me", now);
  EXPECT_TRUE(nothing.together);
  EXPECT_FALSE(nothing.fetched_at || nothing.fresh_until);
  EXPECT_EQ(nothing.under_way, Fetched::not_now);

  const AnswerLocation found =
      location_of(list({"1799999999000", "1800000001000"}), list({"me", "1800000001000000"}), "me", now);
  EXPECT_EQ(found.fetched_at, now - 1s);
  EXPECT_EQ(found.fresh_until, now + 1s);
  EXPECT_EQ(found.under_way, Fetched::here);
  EXPECT_EQ(location_of(list({}), list({"another", "1800000001000000"}), "me", now).under_way,
            Fetched::elsewhere);
}

TEST(AnswerLocation, KnowsNoFetchWhoseLeaseHasEnded) {
  EXPECT_EQ(location_of(list({}), list({"another", "1800000000000000"}), "me", now).under_way,
            Fetched::not_now);
  EXPECT_EQ(location_of(list({}), list({"another", ""}), "me", now).under_way, Fetched::not_now);
}

TEST(AnswerLocation, KnowsNoTimeThatCannotBe) {
  const auto time = [](const std::string& text) {
    return location_of(list({text, text}), list({}), "me", now).fetched_at;
  };
  for (const char* text : {"-1", "0", "x", "9223372036854775807", "253402300800000"})
    EXPECT_FALSE(time(text)) << text;
  EXPECT_TRUE(time("253402300799999"));
}

}  // namespace
}  // namespace roktcached::fleet
