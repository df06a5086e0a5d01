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

/// Tells errors of SQLite's that say something about the file from those that say something about the moment.
/// On the stack, around the calls of one thread.
class SqliteErrors {
 public:
  SqliteErrors();
  /// The meaning for us of a call that has failed since; the context is SQLite's own message behind `doing`.
  /// @return storage_corrupt only where every read has succeeded: SQLite calls some that fail damage, too;
  ///         storage_full where there is no room; storage_locked where another program has a lock; else
  ///         storage_unavailable, of an I/O error or of memory
  [[nodiscard]] Error error(sqlite3* connection, int code, std::string_view doing) const;

 private:
  std::uint64_t failed_reads_;
};

/// One connection to the cache file. Not thread-safe; whoever uses it holds it alone.
class Connection {
 public:
  /// @param flags  of sqlite3_open_v2
  [[nodiscard]] static Result<Connection> open(const std::string& path, int flags);
  [[nodiscard]] Result<void> execute(const char* sql);
  /// The first column of the first row of a query that has one.
  [[nodiscard]] Result<std::int64_t> integer(const char* sql);
  /// Whether a statement that finds a lock taken waits for it, for some seconds, as it does at first, or
  /// fails.
  void wait_for_locks(bool wait);
  [[nodiscard]] sqlite3* get() const { return handle_.get(); }

 private:
  struct Closer {
    void operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }
  };
  std::unique_ptr<sqlite3, Closer> handle_;
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
    /// Whether memory failed while columns of the row at hand were read; what they say then means nothing.
    [[nodiscard]] bool out_of_memory() const {
      return sqlite3_errcode(sqlite3_db_handle(statement_)) == SQLITE_NOMEM;
    }

    /// Columns of the row at hand; views live until the next step.
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
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalizer> handle_;
};

/// A read transaction that outlives its statements. Nothing can be written to the connection meanwhile.
class Snapshot {
 public:
  /// @param connection  outlives it
  explicit Snapshot(const Connection& connection) : connection_(connection.get()) {}
  /// From here on until end, everything is read as the file was at the first of these reads.
  void hold();
  void end();

 private:
  [[nodiscard]] bool held() const { return sqlite3_get_autocommit(connection_) == 0; }
  sqlite3* connection_;
};

/// A write transaction: begins in the constructor's place, ends by commit, or by rollback when it goes out of
/// scope.
class Transaction {
 public:
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
