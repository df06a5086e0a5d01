#include "core/caching/selection.h"

#include <gtest/gtest.h>

#include "core/caching/variants.h"

namespace roktcached::caching {
namespace {

using namespace std::chrono_literals;

constexpr WallTime noon = wall_time_from_unix_ms(1'700'000'000'000);

StoredResponse response(std::string_view key) {
  StoredResponse made;
  made.key = Key(key);
  made.route = "campaign-overview";
  made.account_id = "7";
  made.campaign_id = "3";
  made.fetched_at = noon;
  made.fresh_until = noon + 1h;
  made.usable_until = noon + 24h;
  return made;
}

const StoredResponse stored = response("default /a/7/c/3?a=1&b=2 LATEST");

bool selected(const Selection& selection, const StoredResponse& by = stored) {
  return matches(selection, subject_of(by));
}

TEST(Selection, Everything) {
  EXPECT_TRUE(selected(Everything{}));
}

TEST(Selection, AKeyByItsHash) {
  EXPECT_TRUE(selected(WithKey{stored.key.hash()}));
  EXPECT_FALSE(selected(WithKey{Key("default /a/7/c/3?a=1&b=2 alpha-1").hash()}));
  EXPECT_TRUE(selected(WithKey{key_hash_of_hex(to_hex(stored.key.hash())).value()}));
}

TEST(Selection, AHashIsThirtyTwoHexDigits) {
  EXPECT_EQ(key_hash_of_hex("0123456789ABCDEFfedcba9876543210"),
            (KeyHash{0x0123456789abcdef, 0xfedcba9876543210}));
  for (const char* text : {"", "0", "0123456789abcdef0123456789abcde", "0123456789abcdef0123456789abcdef0",
                           "0123456789abcdeg0123456789abcdef", "-123456789abcdef0123456789abcdef",
                           "0x23456789abcdef0123456789abcdef"})
    EXPECT_FALSE(key_hash_of_hex(text)) << text;
}

TEST(Selection, ATargetWhoeverAskedForItInWhateverVersion) {
  const Selection wanted = with_target("/a/7/c/3?b=2&a=1").value();
  EXPECT_TRUE(selected(wanted));
  EXPECT_TRUE(selected(wanted, response("other /a/7/c/3?a=1&b=2 2023-01-01")));
  EXPECT_FALSE(selected(wanted, response("default /a/7/c/3?a=1 LATEST")));
  EXPECT_FALSE(selected(wanted, response("default /a/7/c/3?a=1&b=23 LATEST")));
  EXPECT_FALSE(selected(wanted, response("default /a/7/c/3 LATEST")));
  for (const char* same : {"/a/7/c/3?a=1&b=2&", "/%61/7/c/%33?&&b=%32&%61=1"})
    EXPECT_TRUE(selected(with_target(same).value())) << same;
  EXPECT_FALSE(with_target("a/7"));
}

TEST(Selection, ATargetOfAnHttpRouteByteForByteAndItsVariants) {
  const Selection wanted = with_target("/x?b=2&a=1").value();
  const Key target = http_key("default", "/x?b=2&a=1");
  const Key variant = VariantIndex(noon).key_for(target, {"accept"}, {});
  EXPECT_TRUE(selected(wanted, response(target.text())));
  EXPECT_TRUE(selected(wanted, response(variant.text())));
  EXPECT_FALSE(selected(wanted, response(http_key("default", "/x?b=2&a=%31").text())));
}

TEST(Selection, ARouteAnAccountACampaign) {
  EXPECT_TRUE(selected(OfRoute{"campaign-overview"}));
  EXPECT_FALSE(selected(OfRoute{"campaign"}));
  EXPECT_TRUE(selected(OfAccount{"7", {}}));
  EXPECT_FALSE(selected(OfAccount{"77", {}}));
  EXPECT_TRUE(selected(OfAccount{"7", "3"}));
  EXPECT_FALSE(selected(OfAccount{"7", "4"}));
  EXPECT_FALSE(selected(OfAccount{"7", ""})) << "no campaign is not every campaign";
}

TEST(MadeStale, ResponsesEndTheirFreshnessAndStayUsable) {
  const StoredResponse stale = made_stale(stored, noon + 1min);
  EXPECT_EQ(stale.fresh_until, noon + 1min);
  EXPECT_EQ(stale.usable_until, stored.usable_until);
  EXPECT_EQ(made_stale(stored, noon + 2h).fresh_until, stored.fresh_until) << "never fresh for longer";
}

TEST(MadeStale, ANegativeAnswerIsNotUsedStale) {
  StoredResponse negative = stored;
  negative.status = 404;
  negative.usable_until = negative.fresh_until;
  EXPECT_EQ(made_stale(negative, noon + 1min).usable_until, noon + 1min);
}

TEST(MadeStale, AnIndexStillLeadsToItsVariants) {
  const StoredResponsePtr index = VariantIndex(noon).to_stored(http_key("default", "/x"), "x");
  EXPECT_EQ(made_stale(*index, noon).usable_until, index->usable_until);
}

}  // namespace
}  // namespace roktcached::caching
