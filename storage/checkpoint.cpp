#include "storage/checkpoint.h"

namespace roktcached::storage {

namespace {

constexpr int pages_due = 1000;

int note_pages(void* pages, sqlite3*, const char*, int count) {
  *static_cast<int*>(pages) = count;
  return SQLITE_OK;
}

}  // namespace

Checkpoint::Checkpoint(const Connection& connection)
    : connection_(connection.get()), pages_(std::make_unique<int>(0)) {
  sqlite3_wal_hook(connection_, &note_pages, pages_.get());
}

bool Checkpoint::is_due() const {
  return *pages_ >= pages_due;
}

void Checkpoint::make() {
  sqlite3_wal_checkpoint_v2(connection_, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
}

}  // namespace roktcached::storage
