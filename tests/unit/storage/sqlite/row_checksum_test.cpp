#include "storage/sqlite/row_checksum.h"

#include <gtest/gtest.h>
#include <xxhash.h>

#include "tests/unit/storage/examples.h"

namespace roktcached::storage {
namespace {

using examples::response;

std::string bytes_of(std::int64_t number) {
  std::string bytes(sizeof number, '\0');
  std::memcpy(bytes.data(), &number, sizeof number);
  return bytes;
}

/// The checksum as all cache files have it, in one piece.
std::int64_t written_checksum(const StoredResponse& stored) {
  std::string all;
  for (const std::string_view text :
       {std::string_view(stored.key.text()), std::string_view(stored.route),
        std::string_view(stored.account_id), std::string_view(stored.campaign_id),
        std::string_view(stored.head), std::string_view(*stored.body), std::string_view(stored.entity_tag),
        std::string_view(stored.validator)}) {
    all += bytes_of(static_cast<std::int64_t>(text.size()));
    all += text;
  }
  all += bytes_of(stored.status) + bytes_of(unix_ms(*stored.range_end));
  for (const WallTime time : {stored.fetched_at, stored.fresh_until, stored.usable_until})
    all += bytes_of(unix_ms(time));
  return static_cast<std::int64_t>(XXH3_64bits(all.data(), all.size()));
}

TEST(RowChecksumTest, IsThatOfAllCacheFilesHoweverLongTheBody) {
  for (const std::size_t size : {0U, 2U, 1024U, 4096U, 5600U, 5700U, 5800U, 5900U, 6144U, 6145U, 100'000U}) {
    const StoredResponse stored = response(1, examples::noise(size, size));
    EXPECT_EQ(checksum_of(stored), written_checksum(stored)) << size;
  }
}

TEST(RowChecksumTest, IsThatOfAllCacheFilesWithoutSomeTexts) {
  StoredResponse stored = response(1);
  stored.account_id = caching::Text();
  stored.campaign_id = caching::Text();
  stored.validator = caching::Text();
  EXPECT_EQ(checksum_of(stored), written_checksum(stored));
}

TEST(RowChecksumTest, NoByteMovesFromOneTextToTheNextUnnoticed) {
  StoredResponse left = response(1);
  StoredResponse right = left;
  left.account_id = std::string_view("12");
  left.campaign_id = std::string_view("3");
  right.account_id = std::string_view("1");
  right.campaign_id = std::string_view("23");
  EXPECT_NE(checksum_of(left), checksum_of(right));
}

}  // namespace
}  // namespace roktcached::storage
