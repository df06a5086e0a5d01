#include "storage/sqlite/row.h"

#include <gtest/gtest.h>

#include "storage/sqlite/cache_file.h"
#include "tests/unit/storage/examples.h"

namespace roktcached::storage {
namespace {

using examples::key;
using examples::noon;
using examples::response;
using examples::same;

class RowTest : public testing::Test {
 protected:
  RowTest() : connection_(open()), writer_(RowWriter::prepare(connection_).value()) {}

  Connection open() {
    return open_for_writing(prepare_file(path_, [](std::string_view) {}).value(), 1'000'000).value();
  }
  void put(const StoredResponse& stored) { writer_.put(connection_, stored).value(); }
  Result<FoundRow> find(int number) { return RowReader::prepare(connection_).value().find(key(number)); }
  StoredResponsePtr found(int number) { return find(number).value().response; }
  std::int64_t integer(const char* sql) { return connection_.integer(sql).value(); }
  std::string text(const char* sql) {
    auto statement = Statement::prepare(connection_, sql).value();
    Statement::Use use(statement);
    return use.step().value() ? std::string(use.text_at(0)) : "no row";
  }

  examples::Folder folder_;
  const std::string path_ = folder_.file("cache.db");
  Connection connection_;
  RowWriter writer_;
};

TEST_F(RowTest, ARowComesBackAsItWas) {
  for (const std::string& body : {std::string(), std::string("{}"), std::string("\0\xff\x80", 3),
                                  std::string(100'000, 'a'), examples::noise(100'000, 1)}) {
    StoredResponse stored = response(1, body);
    put(stored);
    const auto read = found(1);
    ASSERT_NE(read, nullptr);
    EXPECT_TRUE(same(*read, stored)) << body.size();
  }
}

TEST_F(RowTest, ABodyThatIsReadIsCountedWhileSomebodyHoldsIt) {
  BodyAccount account(10 * examples::mebibyte);
  auto reader = RowReader::prepare(connection_, &account).value();
  for (const std::size_t size : {std::size_t{500}, std::size_t{100'000}}) {
    for (const std::string& body : {std::string(size, 'a'), examples::noise(size, 1)}) {
      put(response(1, body));
      auto read = reader.find(key(1)).value().response;
      ASSERT_NE(read, nullptr);
      EXPECT_EQ(*read->body, body);
      EXPECT_EQ(account.read().all, size);
      read.reset();
      EXPECT_EQ(account.read().all, 0U);
    }
  }
}

TEST_F(RowTest, ALongBodyThatHasNoRoomIsNotRead) {
  BodyAccount account(2 * examples::mebibyte);
  const auto other = BodyAccount::Growing(account).share("something");
  auto reader = RowReader::prepare(connection_, &account).value();
  put(response(1, std::string(examples::mebibyte, 'a')));
  put(response(2, "{}"));
  auto refused = reader.find(key(1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::overloaded);
  EXPECT_FALSE(refused.error().retryable) << "nothing gives way";
  EXPECT_EQ(account.read().all, other->size());
  EXPECT_NE(reader.find(key(2)).value().response, nullptr);

  account.when_short([] { return true; });
  refused = reader.find(key(1));
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().retryable) << "something gives way";
}

/// Else a damaged size would be refused for ever.
TEST_F(RowTest, ABodyForWhichThereCanBeNoRoomIsDamage) {
  BodyAccount account(examples::mebibyte);
  auto reader = RowReader::prepare(connection_, &account).value();
  put(response(1, std::string(examples::mebibyte, 'a')));
  const auto refused = reader.find(key(1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::storage_corrupt);
}

TEST_F(RowTest, SteadyRefreshesComeBackAlsoWhereTheBodyWasConfirmed) {
  StoredResponse stored = response(1);
  for (const unsigned refreshes : {3U, 4U, 0U}) {
    stored.steady_refreshes = refreshes;
    put(stored);
    EXPECT_TRUE(same(*found(1), stored)) << refreshes;
  }
}

TEST_F(RowTest, RestatementsComeBackAlsoWhereTheBodyWasConfirmed) {
  for (const std::uint64_t times : {1U, 2U}) {
    StoredResponse stored = response(1);
    stored.restated = std::make_shared<const caching::Restated>(
        caching::Restated{times, examples::noon, R"([{"field":"/revenue","before":1,"after":2}])"});
    put(stored);
    EXPECT_TRUE(same(*found(1), stored)) << times;
  }
  put(response(1));
  EXPECT_EQ(found(1)->restated, nullptr);
}

TEST_F(RowTest, ARowWithoutIdsValidatorAndRangeComesBackAsItWas) {
  StoredResponse stored = response(1);
  stored.account_id.clear();
  stored.campaign_id.clear();
  stored.validator.clear();
  stored.head.clear();
  stored.range_end.reset();
  stored.status = 404;
  put(stored);
  EXPECT_TRUE(same(*found(1), stored));
  EXPECT_EQ(integer("SELECT range_end_unix_ms IS NULL FROM responses"), 1);
}

TEST_F(RowTest, NoRowIsNoError) {
  EXPECT_EQ(found(1), nullptr);
}

TEST_F(RowTest, APersonCanReadTheColumns) {
  put(response(12, std::string(1000, 'a')));
  EXPECT_EQ(text("SELECT credential || ' ' || route || ' ' || path FROM responses"),
            "default campaign-overview /reporting/accounts/7/campaigns/12/overview");
  EXPECT_EQ(
      text("SELECT date_start || ' ' || date_end || ' ' || currency || ' ' || time_zone FROM responses"),
      "2023-01-01 2023-02-01 USD UTC");
  EXPECT_EQ(text("SELECT rokt_version || ' ' || other_parameters FROM responses"), "LATEST groupby=country");
  EXPECT_EQ(text("SELECT account_id || ' ' || campaign_id || ' ' || status FROM responses"), "7 12 200");
  EXPECT_EQ(text("SELECT lower(hex(key_hash)) FROM responses"), caching::to_hex(key(12).hash()));
  EXPECT_EQ(integer("SELECT fetched_at_unix_ms FROM responses"), unix_ms(noon));
  EXPECT_EQ(integer("SELECT fresh_until_unix_ms FROM responses"), unix_ms(noon + std::chrono::hours{1}));
  EXPECT_EQ(integer("SELECT usable_until_unix_ms FROM responses"), unix_ms(noon + std::chrono::hours{24}));
  EXPECT_EQ(integer("SELECT range_end_unix_ms FROM responses"), unix_ms(noon - std::chrono::hours{48}));
}

TEST_F(RowTest, ABodyIsCompressedWhereThatMakesItSmaller) {
  put(response(1, std::string(10'000, 'a')));
  EXPECT_EQ(text("SELECT body_encoding FROM responses"), "zstd");
  EXPECT_LT(integer("SELECT length(body) FROM responses"), 1000);
  EXPECT_EQ(integer("SELECT body_size FROM responses"), 10'000);
  put(response(1, examples::noise(10'000, 1)));
  EXPECT_EQ(text("SELECT body_encoding FROM responses"), "identity");
  EXPECT_EQ(integer("SELECT length(body) FROM responses"), 10'000);
}

TEST_F(RowTest, AnUnchangedBodyIsNotWrittenAgain) {
  put(response(1, std::string(10'000, 'a')));
  connection_.execute("UPDATE responses SET body = x'00'")
      .value();  // a mark that writing the body would replace
  StoredResponse confirmed = response(1, std::string(10'000, 'a'), noon + std::chrono::hours{2});
  confirmed.head = "X-New: 1\r\n";
  put(confirmed);
  EXPECT_EQ(integer("SELECT length(body) FROM responses"), 1);
  EXPECT_EQ(integer("SELECT fetched_at_unix_ms FROM responses"), unix_ms(confirmed.fetched_at));
  EXPECT_EQ(text("SELECT head FROM responses"), "X-New: 1\r\n");
}

TEST_F(RowTest, AConfirmedRowComesBackWithAllThatIsNew) {
  put(response(1, std::string(10'000, 'a')));
  StoredResponse confirmed = response(1, std::string(10'000, 'a'), noon + std::chrono::hours{2});
  confirmed.status = 404;
  confirmed.head = "X-New: 1\r\nX-Newer: 2\r\n";
  confirmed.entity_tag = "\"new\"";
  confirmed.validator = "If-None-Match: \"new\"";
  confirmed.route = "renamed-by-the-operator";
  confirmed.account_id = "8";
  confirmed.campaign_id = "9";
  put(confirmed);
  const auto read = find(1);
  ASSERT_TRUE(read) << read.error().context;
  EXPECT_TRUE(same(*read->response, confirmed));
}

TEST_F(RowTest, TotalsFollowEveryWrite) {
  const auto expect_exact = [this] {
    EXPECT_EQ(integer("SELECT entries FROM totals"), integer("SELECT count(*) FROM responses"));
    EXPECT_EQ(integer("SELECT bytes FROM totals"),
              integer("SELECT coalesce(sum(octets), 0) FROM (SELECT length(CAST(key AS BLOB)) + "
                      "length(CAST(head AS BLOB)) + "
                      "length(body) AS octets FROM responses)"));
  };
  for (int number = 0; number < 10; ++number)
    put(response(number, examples::noise(1000, static_cast<std::uint64_t>(number))));
  expect_exact();
  put(response(3, examples::noise(5000, 99)));
  expect_exact();
  StoredResponse confirmed = response(4, examples::noise(1000, 4));
  confirmed.head = "X-Longer: " + std::string(500, 'x') + "\r\n";
  put(confirmed);
  expect_exact();
  writer_.erase(key(5).hash()).value();
  expect_exact();
  writer_.evict(connection_, noon, 3).value();
  expect_exact();
  EXPECT_EQ(integer("SELECT entries FROM totals"), 6);
}

TEST_F(RowTest, ExpiredRowsAreEvictedFirst) {
  put(response(1, "{}", noon));
  put(response(2, "{}", noon - std::chrono::hours{1}));
  put(response(3, "{}", noon - std::chrono::hours{48}));
  writer_.touch(key(3).hash(), noon + std::chrono::hours{1}).value();
  EXPECT_EQ(writer_.evict(connection_, noon, 10).value(), 1);
  EXPECT_EQ(found(3), nullptr) << "used last, but past its use";
  EXPECT_NE(found(1), nullptr);
  EXPECT_NE(found(2), nullptr);
}

TEST_F(RowTest, WithoutExpiredRowsTheLeastRecentlyUsedGo) {
  for (int number = 1; number <= 4; ++number)
    put(response(number, "{}", noon + std::chrono::seconds{number}));
  writer_.touch(key(1).hash(), noon + std::chrono::minutes{1}).value();
  EXPECT_EQ(writer_.evict(connection_, noon + std::chrono::minutes{1}, 2).value(), 2);
  EXPECT_NE(found(1), nullptr);
  EXPECT_EQ(found(2), nullptr);
  EXPECT_EQ(found(3), nullptr);
  EXPECT_NE(found(4), nullptr);
}

TEST_F(RowTest, RowsOfTheTimeBeforeTheClockWasSetBackAreEvictedFirst) {
  put(response(1, "{}", noon));
  for (int number = 2; number <= 4; ++number) put(response(number, "{}", noon + std::chrono::hours{number}));
  writer_.touch(key(4).hash(), noon).value();
  const WallTime now = noon + std::chrono::seconds{1};
  EXPECT_EQ(writer_.evict(connection_, now, 1).value(), 1);
  EXPECT_EQ(found(3), nullptr) << "the latest";
  EXPECT_EQ(writer_.evict(connection_, now, 10).value(), 1);
  EXPECT_EQ(found(2), nullptr);
  EXPECT_NE(found(1), nullptr);
  EXPECT_NE(found(4), nullptr) << "used since";
}

TEST_F(RowTest, RowsOfAClockThatIsALittleAheadAreLikeOthers) {
  put(response(1, "{}", noon));
  put(response(2, "{}", noon + std::chrono::seconds{5}));
  EXPECT_EQ(writer_.evict(connection_, noon, 1).value(), 1);
  EXPECT_EQ(found(1), nullptr) << "the least recently used";
}

/// See caching::is_note: what an instance of a fleet must not forget is used seldom.
TEST_F(RowTest, ANoteIsNeverEvicted) {
  StoredResponse note = response(1, "{}", noon - std::chrono::minutes{1});
  note.key = caching::Key("default ~fleet/a LATEST");
  put(note);
  put(response(2, "{}", noon));
  EXPECT_EQ(writer_.evict(connection_, noon, 10).value(), 1);
  EXPECT_EQ(found(2), nullptr);
  EXPECT_EQ(text("SELECT path FROM responses"), "~fleet/a");
}

TEST_F(RowTest, ABodyBeyondWhatIsWantedIsLeft) {
  put(response(1, std::string(10'000, 'a')));
  auto reader = RowReader::prepare(connection_).value();
  const auto left = reader.find(key(1), 9'999).value();
  EXPECT_TRUE(left.body_left);
  EXPECT_EQ(left.response, nullptr);
  const auto read = reader.find(key(1), 10'000).value();
  EXPECT_FALSE(read.body_left);
  ASSERT_NE(read.response, nullptr);
  EXPECT_FALSE(reader.find(key(2), 9'999).value().body_left) << "there is no such row";
}

TEST_F(RowTest, EvictingNothingIsNoError) {
  EXPECT_EQ(writer_.evict(connection_, noon, 10).value(), 0);
}

class DamagedRowTest : public RowTest, public testing::WithParamInterface<const char*> {};

TEST_P(DamagedRowTest, IsNeverServed) {
  put(response(1, std::string(10'000, 'a')));
  const std::string damage = std::string("UPDATE responses SET ") + GetParam();
  connection_.execute(damage.c_str()).value();
  const auto read = find(1);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::storage_corrupt);
  EXPECT_NE(read.error().context.find(caching::to_hex(key(1).hash())), std::string::npos)
      << read.error().context;
}

INSTANTIATE_TEST_SUITE_P(
    EveryServedColumn, DamagedRowTest,
    testing::Values("route = 'x'", "account_id = '8'", "campaign_id = '2'", "status = 201", "head = ''",
                    "body = x'00'", "body = substr(body, 1, length(body) - 1)",
                    "body = zeroblob(length(body))", "body_encoding = 'identity'", "body_encoding = 'br'",
                    "body_size = body_size - 1", "body_size = -1", "body_size = 1 << 40",
                    "entity_tag = '\"x\"'", "validator = ''", "range_end_unix_ms = NULL",
                    "range_end_unix_ms = 0", "fetched_at_unix_ms = fetched_at_unix_ms + 1",
                    "fresh_until_unix_ms = fresh_until_unix_ms + 1",
                    "usable_until_unix_ms = usable_until_unix_ms + 1", "steady_refreshes = 1",
                    "restated_at_unix_ms = 1", "checksum = checksum + 1"));

TEST_F(RowTest, ARowOfAnotherKeyUnderThisHashIsNotThisKeys) {
  put(response(1));
  connection_.execute("UPDATE responses SET key = 'another'").value();
  EXPECT_EQ(found(1), nullptr);
  put(response(1));
  EXPECT_TRUE(same(*found(1), response(1)));
}

}  // namespace
}  // namespace roktcached::storage
