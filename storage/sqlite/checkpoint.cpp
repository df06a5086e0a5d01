#include "storage/sqlite/checkpoint.h"

namespace roktcached::storage {

namespace {

constexpr int pages_due = 1000;

int note_pages(void* pages, sqlite3*, const char*, int count) {
  *static_cast<int*>(pages) = count;
  return SQLITE_OK;
}

}  // namespace

Checkpoint::Checkpoint(Connection& connection) : connection_(connection), pages_(std::make_unique<int>(0)) {
  sqlite3_wal_hook(connection_.get(), &note_pages, pages_.get());
}

bool Checkpoint::is_due() const {
  return *pages_ >= pages_due;
}

Result<void> Checkpoint::make() {
  const SqliteErrors errors;
  const int code =
      sqlite3_wal_checkpoint_v2(connection_.get(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  if (code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY) return {};
  return errors.error(connection_.get(), code, "moving the log into the cache file");
}

Result<bool> Checkpoint::empty_log() {
  const SqliteErrors errors;
  connection_.wait_for_locks(false);
  const int code =
      sqlite3_wal_checkpoint_v2(connection_.get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  connection_.wait_for_locks(true);
  if ((code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED) return false;
  if (code != SQLITE_OK) return errors.error(connection_.get(), code, "emptying the cache file's log");
  *pages_ = 0;
  return true;
}

}  // namespace roktcached::storage
