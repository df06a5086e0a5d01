#include "core/caching/variants.h"

#include <gtest/gtest.h>

namespace roktcached::caching {
namespace {

using http::Fields;
using namespace std::chrono_literals;

const WallTime now = wall_time_from_unix_ms(1'790'000'000'000);
const Key target = http_key("shared", "/files/a?b=2&a=1");

Fields with(std::initializer_list<http::Field> list) {
  Fields fields;
  for (const auto& field : list) fields.add(field.name, field.value);
  return fields;
}

TEST(HttpKey, TakesTheTargetByteForByteAndIsNoReportsKey) {
  EXPECT_EQ(target.text(), "shared /files/a?b=2&a=1 =http");
  EXPECT_NE(http_key("shared", "/a?"), http_key("shared", "/a"));
  EXPECT_FALSE(http::is_token("=http")) << "a rokt-version could be equal";
}

TEST(VariantIndex, FindsAVariantByWhatItsRequestSaid) {
  VariantIndex index(now);
  index.add({"foo"});
  const Fields one = with({{"Foo", "1"}});
  EXPECT_EQ(index.keys_for(target, one), std::vector<Key>{index.key_for(target, {"foo"}, one)});
  EXPECT_NE(index.keys_for(target, one), index.keys_for(target, with({{"Foo", "2"}})));
  EXPECT_NE(index.keys_for(target, one), index.keys_for(target, with({})));
}

TEST(VariantIndex, ComesBackFromTheStoreAsItWas) {
  VariantIndex index(now);
  index.add({"foo"});
  index.add({"bar", "baz"});
  const auto stored = index.to_stored(target, "files");
  EXPECT_TRUE(VariantIndex::is_index(*stored));
  EXPECT_EQ(stored->key, target);
  const Fields request = with({{"Foo", "1"}, {"Bar", "2"}});
  const VariantIndex read(*stored);
  EXPECT_EQ(read.keys_for(target, request), index.keys_for(target, request));
  EXPECT_EQ(read.keys_for(target, request).front(), index.key_for(target, {"bar", "baz"}, request))
      << "the latest first";
}

TEST(VariantIndex, OfALaterGenerationFindsNothingOfAnEarlierOne) {
  VariantIndex before(now);
  VariantIndex after(now + 1ms);
  before.add({"foo"});
  after.add({"foo"});
  const Fields request = with({{"Foo", "1"}});
  EXPECT_NE(before.keys_for(target, request), after.keys_for(target, request));
  EXPECT_TRUE(VariantIndex(now + 2ms).keys_for(target, request).empty());
}

TEST(VariantIndex, RemembersEightSets) {
  VariantIndex index(now);
  for (int i = 0; i < 9; ++i) index.add({"f" + std::to_string(i)});
  index.add({"f5"});
  EXPECT_EQ(index.keys_for(target, with({})).size(), 8U);
  EXPECT_EQ(index.keys_for(target, with({})).front(), index.key_for(target, {"f5"}, with({})));
}

TEST(VariantIndex, OffersAPartToWhoAsksForItAlone) {
  VariantIndex index(now);
  index.add({"range"});
  EXPECT_TRUE(index.keys_for(target, with({})).empty());
  EXPECT_EQ(index.keys_for(target, with({{"Range", "bytes=0-1"}})).size(), 1U);
  EXPECT_NE(index.keys_for(target, with({{"Range", "bytes=0-1"}})),
            index.keys_for(target, with({{"Range", "bytes=0-2"}})));
  EXPECT_TRUE(index.keys_for(target, with({{"Range", "bytes=0-1"}, {"If-Range", "\"a\""}})).empty());
}

}  // namespace
}  // namespace roktcached::caching
