#include "storage/sqlite/sqlite_handle.h"

#include <gtest/gtest.h>

#include "tests/unit/storage/examples.h"
#include "tests/unit/storage/sqlite/failing_memory.h"

namespace roktcached::storage {
namespace {

class SqliteHandleTest : public testing::Test {
 protected:
  Connection open() {
    return Connection::open(folder_.file("db"), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE).value();
  }
  Connection open_with_table() {
    Connection connection = open();
    connection.execute("CREATE TABLE t (a, b)").value();
    return connection;
  }

  examples::Folder folder_;
};

TEST_F(SqliteHandleTest, OpeningAMissingFileNamesIt) {
  const auto opened = Connection::open(folder_.file("missing"), SQLITE_OPEN_READWRITE);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::storage_unavailable);
  EXPECT_NE(opened.error().context.find(folder_.file("missing")), std::string::npos)
      << opened.error().context;
}

TEST_F(SqliteHandleTest, GarbageIsCorruptAndNotWorthRepeating) {
  examples::write_file(folder_.file("db"), std::string(8192, 'x'));
  const Connection connection = open();
  const auto statement = Statement::prepare(connection, "SELECT count(*) FROM sqlite_schema");
  ASSERT_FALSE(statement);
  EXPECT_EQ(statement.error().code, ErrorCode::storage_corrupt);
  EXPECT_FALSE(statement.error().retryable);
}

TEST_F(SqliteHandleTest, TextsAndBlobsComeBackByteForByte) {
  Connection connection = open_with_table();
  const std::string bytes("a\0b\xff", 4);
  auto insert = Statement::prepare(connection, "INSERT INTO t VALUES (?, ?)").value();
  {
    Statement::Use use(insert);
    use.text("text").blob(bytes);
    ASSERT_FALSE(use.step().value());
  }
  auto select = Statement::prepare(connection, "SELECT a, b FROM t").value();
  Statement::Use use(select);
  ASSERT_TRUE(use.step().value());
  EXPECT_EQ(use.text_at(0), "text");
  EXPECT_EQ(use.blob_at(1), bytes);
  EXPECT_FALSE(use.step().value());
}

TEST_F(SqliteHandleTest, EmptyIsNotNull) {
  Connection connection = open_with_table();
  auto insert = Statement::prepare(connection, "INSERT INTO t VALUES (?, ?)").value();
  {
    Statement::Use use(insert);
    use.text(std::string_view()).blob(std::string_view());
    ASSERT_FALSE(use.step().value());
  }
  EXPECT_EQ(connection.integer("SELECT typeof(a) = 'text' AND length(a) = 0 FROM t").value(), 1)
      << "a view without data";
  EXPECT_EQ(connection.integer("SELECT typeof(b) = 'blob' AND length(b) = 0 FROM t").value(), 1);
  auto select = Statement::prepare(connection, "SELECT a, b FROM t").value();
  Statement::Use use(select);
  ASSERT_TRUE(use.step().value());
  EXPECT_EQ(use.text_at(0), "");
  EXPECT_EQ(use.blob_at(1), "");
}

TEST_F(SqliteHandleTest, AnAbsentNumberIsNull) {
  Connection connection = open_with_table();
  auto insert = Statement::prepare(connection, "INSERT INTO t VALUES (?, ?)").value();
  {
    Statement::Use use(insert);
    use.optional_integer(std::nullopt).optional_integer(std::int64_t{-5});
    ASSERT_FALSE(use.step().value());
  }
  auto select = Statement::prepare(connection, "SELECT a, b FROM t").value();
  Statement::Use use(select);
  ASSERT_TRUE(use.step().value());
  EXPECT_TRUE(use.is_null(0));
  EXPECT_FALSE(use.is_null(1));
  EXPECT_EQ(use.integer_at(1), -5);
}

TEST_F(SqliteHandleTest, AUseLeavesNothingBoundForTheNext) {
  Connection connection = open_with_table();
  auto insert = Statement::prepare(connection, "INSERT INTO t VALUES (?, ?)").value();
  for (const bool full : {true, false}) {
    Statement::Use use(insert);
    use.integer(1);
    if (full) use.integer(2);
    ASSERT_FALSE(use.step().value());
  }
  EXPECT_EQ(connection.integer("SELECT count(*) FROM t WHERE b IS NULL").value(), 1);
}

TEST_F(SqliteHandleTest, AStatementLeftInARowHoldsNoSnapshotOnceItsUseEnds) {
  Connection writer = open_with_table();
  writer.execute("PRAGMA journal_mode = WAL; INSERT INTO t VALUES (1, 1), (2, 2)").value();
  const Connection reader = open();
  auto select = Statement::prepare(reader, "SELECT a FROM t").value();
  {
    Statement::Use use(select);
    ASSERT_TRUE(use.step().value());
  }
  writer.execute("DELETE FROM t").value();
  Statement::Use use(select);
  EXPECT_FALSE(use.step().value());
}

TEST_F(SqliteHandleTest, ATransactionThatGoesOutOfScopeLeavesNothing) {
  Connection connection = open_with_table();
  {
    const auto transaction = Transaction::begin(connection).value();
    connection.execute("INSERT INTO t VALUES (1, 1)").value();
  }
  EXPECT_EQ(connection.integer("SELECT count(*) FROM t").value(), 0);
  EXPECT_TRUE(Transaction::begin(connection)) << "the next one must be able to begin";
}

TEST_F(SqliteHandleTest, ACommittedTransactionStays) {
  Connection connection = open_with_table();
  {
    auto transaction = Transaction::begin(connection).value();
    connection.execute("INSERT INTO t VALUES (1, 1)").value();
    ASSERT_TRUE(transaction.commit());
  }
  Connection other = open();
  EXPECT_EQ(other.integer("SELECT count(*) FROM t").value(), 1);
}

TEST_F(SqliteHandleTest, AFailedCommitIsRolledBack) {
  Connection connection = open();
  connection
      .execute(
          "PRAGMA foreign_keys = ON; CREATE TABLE parent (id INTEGER PRIMARY KEY);"
          "CREATE TABLE child (p REFERENCES parent DEFERRABLE INITIALLY DEFERRED)")
      .value();
  {
    auto transaction = Transaction::begin(connection).value();
    connection.execute("INSERT INTO child VALUES (1)").value();
    ASSERT_FALSE(transaction.commit());
  }
  EXPECT_EQ(connection.integer("SELECT count(*) FROM child").value(), 0);
  EXPECT_TRUE(Transaction::begin(connection));
}

/// @return whether memory has failed
bool insert_with_memory_for(std::uint64_t allocations, Connection& connection) {
  const FailingMemory failing(allocations);
  auto transaction = Transaction::begin(connection);
  if (!transaction || !connection.execute("INSERT INTO t VALUES (zeroblob(5000), 1)")) return true;
  static_cast<void>(transaction->commit());
  return FailingMemory::has_failed();
}

TEST_F(SqliteHandleTest, WhereverMemoryFailsNoTransactionStays) {
  Connection connection = open_with_table();
  connection.execute("PRAGMA journal_mode = WAL").value();
  Connection other = open();
  other.wait_for_locks(false);
  std::uint64_t allocations = 0;
  for (; insert_with_memory_for(allocations, connection); ++allocations) {
    EXPECT_FALSE(connection.in_transaction()) << "after " << allocations;
    EXPECT_TRUE(Transaction::begin(other)) << "another has its lock after " << allocations;
  }
  EXPECT_GT(allocations, 3U);
}

TEST_F(SqliteHandleTest, ASnapshotEndsWithoutMemory) {
  Connection writer = open_with_table();
  writer.execute("PRAGMA journal_mode = WAL; INSERT INTO t VALUES (1, 1)").value();
  Connection reader = open();
  Snapshot snapshot(reader);
  ASSERT_TRUE(snapshot.hold());
  ASSERT_EQ(reader.integer("SELECT a FROM t").value(), 1);
  writer.execute("UPDATE t SET a = 2").value();
  ASSERT_EQ(reader.integer("SELECT a FROM t").value(), 1) << "it is held";
  {
    const FailingMemory failing(0);
    snapshot.end();
  }
  ASSERT_TRUE(snapshot.hold());
  EXPECT_EQ(reader.integer("SELECT a FROM t").value(), 2);
}

TEST_F(SqliteHandleTest, AFullFileSaysSo) {
  Connection connection = open_with_table();
  connection.execute("PRAGMA max_page_count = 4").value();
  const auto filled = connection.execute("INSERT INTO t VALUES (zeroblob(100000), 1)");
  ASSERT_FALSE(filled);
  EXPECT_EQ(filled.error().code, ErrorCode::storage_full);
  EXPECT_TRUE(filled.error().retryable);
}

TEST_F(SqliteHandleTest, AnErrorIsOneLine) {
  Connection connection = open_with_table();
  const auto failed = connection.execute("INSERT INTO missing\nVALUES\n(1)");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().context.find('\n'), std::string::npos) << failed.error().context;
}

}  // namespace
}  // namespace roktcached::storage
