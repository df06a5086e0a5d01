#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/error.h"

namespace roktcached::storage {

/// Tells which errors of SQLite's say something about the file, and which only about the moment. Put it on
/// the stack, around the calls of one thread.
class SqliteErrors {
 public:
  SqliteErrors();
  /// The error for a call that has failed since; its context is SQLite's own message behind `doing`.
  /// @return storage_corrupt only if every read has succeeded, since SQLite also calls some failed reads
  ///          damage; storage_full if there is no room; storage_locked if another program has a lock; else
  ///          storage_unavailable, of an I/O error or of memory
  [[nodiscard]] Error error(sqlite3* connection, int code, std::string_view doing) const;

 private:
  std::uint64_t failed_reads_;
};

struct StatementFinalizer {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using StatementHandle = std::unique_ptr<sqlite3_stmt, StatementFinalizer>;

/// One connection to the cache file. Not thread-safe; whoever uses it holds it alone.
class Connection {
 public:
  /// @param flags  of sqlite3_open_v2
  [[nodiscard]] static Result<Connection> open(const std::string& path, int flags);
  [[nodiscard]] Result<void> execute(const char* sql);
  /// The first column of the first row of a query that has one.
  [[nodiscard]] Result<std::int64_t> integer(const char* sql);
  /// Whether a statement that finds a lock taken waits for it, for some seconds, or fails. At first it waits.
  void wait_for_locks(bool wait);
  [[nodiscard]] bool in_transaction() const { return sqlite3_get_autocommit(handle_.get()) == 0; }
  /// Ends a transaction without its changes, if there is one. Takes no memory, unless the schema has changed
  /// since the last time. If it fails all the same, the connection is still in_transaction().
  void roll_back() const;
  [[nodiscard]] sqlite3* get() const { return handle_.get(); }

 private:
  struct Closer {
    void operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }
  };
  std::unique_ptr<sqlite3, Closer> handle_;
  StatementHandle rollback_;  // made while there is memory: a transaction that stays holds the file's lock
};

/// A prepared statement. Bind and step through a Use, whose end resets it: a statement that is left standing
/// in a row keeps the database's snapshot from moving on.
class Statement {
 public:
  [[nodiscard]] static Result<Statement> prepare(const Connection& connection, const char* sql);

  class Use {
   public:
    explicit Use(Statement& statement) : statement_(statement.handle_.get()) {}
    ~Use() {
      sqlite3_reset(statement_);
      sqlite3_clear_bindings(statement_);
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

    /// Binds the next parameter. Texts and blobs must stay alive until the Use ends.
    Use& text(std::string_view value);
    Use& blob(std::string_view value);
    Use& integer(std::int64_t value);
    Use& null();
    Use& optional_integer(std::optional<std::int64_t> value) { return value ? integer(*value) : null(); }

    /// @return true on a row, false at the end
    [[nodiscard]] Result<bool> step();
    /// Calls `take` on each row that is left.
    template <class Take>
    [[nodiscard]] Result<void> each_row(const Take& take) {
      while (true) {
        const auto row = step();
        if (!row) return row.error();
        if (!*row) return {};
        take();
      }
    }
    /// Whether memory failed while columns of this row were read; what they say then means nothing.
    [[nodiscard]] bool out_of_memory() const {
      return sqlite3_errcode(sqlite3_db_handle(statement_)) == SQLITE_NOMEM;
    }

    /// Columns of this row; views live until the next step.
    [[nodiscard]] std::string_view text_at(int column) const;
    [[nodiscard]] std::string_view blob_at(int column) const;
    [[nodiscard]] std::int64_t integer_at(int column) const {
      return sqlite3_column_int64(statement_, column);
    }
    [[nodiscard]] bool is_null(int column) const {
      return sqlite3_column_type(statement_, column) == SQLITE_NULL;
    }

   private:
    const SqliteErrors errors_;
    sqlite3_stmt* statement_;
    int next_ = 1;
  };

 private:
  StatementHandle handle_;
};

/// A read transaction that outlives its statements. Nothing can be written to the connection meanwhile.
class Snapshot {
 public:
  /// @param connection  outlives it
  explicit Snapshot(const Connection& connection) : connection_(connection) {}
  /// From here on until end, everything is read as the file was at the first of these reads.
  /// @return false if an earlier snapshot could not be ended: nothing may be read then
  [[nodiscard]] bool hold();
  void end();

 private:
  const Connection& connection_;
  bool past_ = false;  // it was to end, and has not
};

/// A write transaction: begins in the constructor's place, ends by commit, or by rollback when it goes out of
/// scope.
class Transaction {
 public:
  /// Ends one before that could not be rolled back.
  [[nodiscard]] static Result<Transaction> begin(Connection& connection);
  ~Transaction();
  Transaction(Transaction&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  [[nodiscard]] Result<void> commit();

 private:
  explicit Transaction(Connection& connection) : connection_(&connection) {}
  Connection* connection_;
};

}  // namespace roktcached::storage
