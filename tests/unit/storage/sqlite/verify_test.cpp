#include "storage/sqlite/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/sqlite/cache_file.h"
#include "storage/sqlite/row.h"
#include "tests/unit/storage/examples.h"

namespace roktcached::storage {
namespace {

using examples::response;
using testing::HasSubstr;
using testing::IsEmpty;

/// A cache file of three rows, which nobody has open.
class VerifyTest : public testing::Test {
 protected:
  VerifyTest() {
    auto connection = open_for_writing(prepare_file(path_, quiet_).value(), 1'000'000).value();
    auto writer = RowWriter::prepare(connection).value();
    for (const int number : {1, 2, 3})
      writer.put(connection, response(number, std::string(500, 'a'))).value();
  }

  void execute(const char* sql) {
    Connection::open(path_, SQLITE_OPEN_READWRITE).value().execute(sql).value();
  }
  Result<Verification> verified() {
    return verify_cache_file(path_, [](std::uint64_t, std::uint64_t) { return true; });
  }
  Result<Verification> repaired() {
    return repair_cache_file(
        path_, [](std::uint64_t, std::uint64_t) { return true; }, quiet_);
  }

  const OperatorLog quiet_ = [](std::string_view) {};
  examples::Folder folder_;
  const std::string path_ = folder_.file("cache.db");
};

TEST_F(VerifyTest, ASoundFileIsReadWhole) {
  std::uint64_t last = 0;
  const auto found = verify_cache_file(path_, [&](std::uint64_t rows, std::uint64_t of) {
                       EXPECT_EQ(of, 3U);
                       last = rows;
                       return true;
                     }).value();
  EXPECT_EQ(last, 3U);
  EXPECT_EQ(found.rows, 3U);
  EXPECT_EQ(found.bytes, 1500U);
  EXPECT_TRUE(found.is_sound());
}

TEST_F(VerifyTest, EveryKindOfDamageIsFound) {
  for (const char* damage : {"UPDATE responses SET status = 204 WHERE campaign_id = '2'",
                             "UPDATE responses SET head = head || 'X: y' WHERE campaign_id = '2'",
                             "UPDATE responses SET body = x'00' WHERE campaign_id = '2'",
                             "UPDATE responses SET fresh_until_unix_ms = 1 WHERE campaign_id = '2'",
                             "UPDATE responses SET key = key || 'X' WHERE campaign_id = '2'",
                             "UPDATE responses SET key_hash = x'00' WHERE campaign_id = '2'"}) {
    execute("DROP TABLE IF EXISTS before");
    execute("CREATE TABLE before AS SELECT * FROM responses WHERE campaign_id = '2'");
    execute(damage);
    const auto found = verified().value();
    EXPECT_EQ(found.rows, 3U) << damage;
    ASSERT_EQ(found.damaged.size(), 1U) << damage;
    EXPECT_THAT(found.damaged.front().what, HasSubstr("damaged")) << damage;
    EXPECT_FALSE(found.is_sound());
    execute("DELETE FROM responses WHERE campaign_id = '2'");
    execute("INSERT INTO responses SELECT * FROM before");
  }
}

TEST_F(VerifyTest, ARepairRemovesDamagedRowsAndNoOthers) {
  execute("UPDATE responses SET status = 204 WHERE campaign_id = '2'");
  const auto found = repaired().value();
  EXPECT_EQ(found.removed, 1U);
  EXPECT_TRUE(found.is_sound());
  const auto after = verified().value();
  EXPECT_EQ(after.rows, 2U);
  EXPECT_THAT(after.damaged, IsEmpty());
}

TEST_F(VerifyTest, CountsThatAreWrongAreAFaultOfTheFile) {
  execute("UPDATE totals SET entries = 7");
  const auto found = verified().value();
  ASSERT_EQ(found.structure.size(), 1U);
  EXPECT_THAT(found.structure.front(), HasSubstr("totals"));
  EXPECT_FALSE(found.is_sound());
}

TEST_F(VerifyTest, AFileThatADaemonHasIsReadButNotRepaired) {
  const auto lock = FileLock::acquire(path_, quiet_).value();
  EXPECT_TRUE(verified().value().is_sound());
  EXPECT_EQ(repaired().error().code, ErrorCode::storage_in_use);
}

TEST_F(VerifyTest, WhatIsNoCacheFileIsRefusedAndNothingIsMade) {
  const std::string missing = folder_.file("other.db");
  const auto none = verify_cache_file(missing, [](std::uint64_t, std::uint64_t) { return true; });
  EXPECT_THAT(none.error().context, HasSubstr("other.db: there is no such file"));
  EXPECT_FALSE(std::filesystem::exists(missing));
  execute("PRAGMA user_version = 1000");
  EXPECT_EQ(verified().error().code, ErrorCode::storage_unavailable);
}

TEST_F(VerifyTest, ItStopsWhereItIsTold) {
  const auto stopped = verify_cache_file(path_, [](std::uint64_t, std::uint64_t) { return false; });
  EXPECT_EQ(stopped.error().code, ErrorCode::client_gone);
}

}  // namespace
}  // namespace roktcached::storage
