#include "storage/sqlite/sqlite_handle.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include "storage/sqlite/nonblocking_reads.h"

namespace roktcached::storage {

namespace {

constexpr int lock_wait_ms = 5000;

/// Whether the last system call that failed on the file or on its log did for want of room. SQLite itself
/// knows ENOSPC alone.
bool is_out_of_room(sqlite3* connection) {
  for (const int which : {SQLITE_FCNTL_FILE_POINTER, SQLITE_FCNTL_JOURNAL_POINTER}) {
    sqlite3_file* file = nullptr;
    int number = 0;
    if (sqlite3_file_control(connection, "main", which, static_cast<void*>(&file)) != SQLITE_OK) continue;
    if (file == nullptr || file->pMethods == nullptr) continue;
    if (file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &number) != SQLITE_OK) continue;
    if (number == ENOSPC || number == EDQUOT || number == EFBIG) return true;
  }
  return false;
}

ErrorCode meaning_of(sqlite3* connection, int code, bool read_failed) {
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return read_failed ? ErrorCode::storage_unavailable : ErrorCode::storage_corrupt;
    case SQLITE_FULL:
      return ErrorCode::storage_full;
    case SQLITE_IOERR: {
      const bool full = code == SQLITE_IOERR_WRITE && connection != nullptr && is_out_of_room(connection);
      return full ? ErrorCode::storage_full : ErrorCode::storage_unavailable;
    }
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return ErrorCode::storage_locked;
    default:
      return ErrorCode::storage_unavailable;
  }
}

Result<StatementHandle> prepare(const Connection& connection, const char* sql) {
  const SqliteErrors errors;
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v3(connection.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  StatementHandle statement(raw);
  if (code != SQLITE_OK) return errors.error(connection.get(), code, "preparing a statement");
  return statement;
}

}  // namespace

SqliteErrors::SqliteErrors() : failed_reads_(failed_reads().count) {}

Error SqliteErrors::error(sqlite3* connection, int code, std::string_view doing) const {
  const FailedReads reads = failed_reads();
  const bool read_failed = reads.count != failed_reads_;
  const ErrorCode meaning = meaning_of(connection, code, read_failed);
  std::string context(doing);
  context.append(": ");
  if (read_failed && meaning == ErrorCode::storage_unavailable) {
    context.append(std::generic_category().message(reads.last_errno)).append(" while reading");
  } else {
    context.append(connection != nullptr ? sqlite3_errmsg(connection) : sqlite3_errstr(code));
  }
  return {.code = meaning, .retryable = meaning != ErrorCode::storage_corrupt, .context = std::move(context)};
}

Result<Connection> Connection::open(const std::string& path, int flags) {
  // Nobody reads these statistics, and each allocation of any connection would take one lock for them.
  [[maybe_unused]] static const int counts_no_memory = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  const SqliteErrors errors;
  sqlite3* raw = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &raw, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  Connection connection;
  connection.handle_.reset(raw);
  if (code != SQLITE_OK) return errors.error(raw, code, path);
  connection.wait_for_locks(true);
  auto rollback = prepare(connection, "ROLLBACK");
  if (!rollback) return rollback.error();
  connection.rollback_ = std::move(*rollback);
  return connection;
}

void Connection::roll_back() const {
  if (!in_transaction()) return;
  sqlite3_step(rollback_.get());
  sqlite3_reset(rollback_.get());
}

void Connection::wait_for_locks(bool wait) {
  sqlite3_busy_timeout(handle_.get(), wait ? lock_wait_ms : 0);
}

Result<void> Connection::execute(const char* sql) {
  const SqliteErrors errors;
  const int code = sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return errors.error(handle_.get(), code, "the cache file");
  return {};
}

Result<std::int64_t> Connection::integer(const char* sql) {
  auto statement = Statement::prepare(*this, sql);
  if (!statement) return statement.error();
  Statement::Use use(*statement);
  const auto row = use.step();
  if (!row) return row.error();
  return *row ? use.integer_at(0) : 0;
}

Result<Statement> Statement::prepare(const Connection& connection, const char* sql) {
  auto prepared = storage::prepare(connection, sql);
  if (!prepared) return prepared.error();
  Statement statement;
  statement.handle_ = std::move(*prepared);
  return statement;
}

Statement::Use& Statement::Use::text(std::string_view value) {
  const char* data = value.data() == nullptr ? "" : value.data();  // a null pointer would bind NULL
  sqlite3_bind_text64(statement_, next_++, data, value.size(), SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

Statement::Use& Statement::Use::blob(std::string_view value) {
  if (value.empty()) {
    sqlite3_bind_zeroblob(statement_, next_++, 0);  // a null pointer would bind NULL
  } else {
    sqlite3_bind_blob64(statement_, next_++, value.data(), value.size(), SQLITE_STATIC);
  }
  return *this;
}

Statement::Use& Statement::Use::integer(std::int64_t value) {
  sqlite3_bind_int64(statement_, next_++, value);
  return *this;
}

Statement::Use& Statement::Use::null() {
  sqlite3_bind_null(statement_, next_++);
  return *this;
}

Result<bool> Statement::Use::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return errors_.error(sqlite3_db_handle(statement_), code, "the cache file");
}

std::string_view Statement::Use::text_at(int column) const {
  const auto* text =
      static_cast<const char*>(static_cast<const void*>(sqlite3_column_text(statement_, column)));
  return text == nullptr
             ? std::string_view()
             : std::string_view(text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
}

std::string_view Statement::Use::blob_at(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  return data == nullptr
             ? std::string_view()
             : std::string_view(data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
}

// A statement that fails may have ended it; one that is not held costs time and nothing else.
bool Snapshot::hold() {
  if (past_) end();
  if (past_) return false;
  if (!connection_.in_transaction()) sqlite3_exec(connection_.get(), "BEGIN", nullptr, nullptr, nullptr);
  return true;
}

void Snapshot::end() {
  connection_.roll_back();
  past_ = connection_.in_transaction();
}

Result<Transaction> Transaction::begin(Connection& connection) {
  connection.roll_back();
  if (const auto begun = connection.execute("BEGIN IMMEDIATE"); !begun) return begun.error();
  return Transaction(connection);
}

Transaction::~Transaction() {
  // A failure may have rolled it back.
  if (connection_ != nullptr) connection_->roll_back();
}

Result<void> Transaction::commit() {
  const auto committed = connection_->execute("COMMIT");
  if (committed) connection_ = nullptr;
  return committed;
}

}  // namespace roktcached::storage
