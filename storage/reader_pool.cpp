#include "storage/reader_pool.h"

namespace roktcached::storage {

Result<void> ReaderPool::open(const std::string& path) {
  std::vector<std::unique_ptr<Reader>> readers;
  for (std::size_t i = 0; i < count_; ++i) {
    auto connection = open_for_reading(path);
    if (!connection) return connection.error();
    auto rows = RowReader::prepare(*connection);
    if (!rows) return rows.error();
    readers.push_back(std::make_unique<Reader>(Reader{std::move(*connection), std::move(*rows)}));
  }
  const std::lock_guard lock(mutex_);
  idle_ = std::move(readers);
  open_ = true;
  return {};
}

void ReaderPool::close() {
  std::unique_lock lock(mutex_);
  open_ = false;
  returned_.notify_all();
  returned_.wait(lock, [this] { return lent_ == 0; });
  idle_.clear();
}

Result<FoundRow> ReaderPool::find(const Key& key) {
  std::unique_lock lock(mutex_);
  returned_.wait(lock, [this] { return !open_ || !idle_.empty(); });
  if (!open_) return FoundRow{};
  std::unique_ptr<Reader> reader = std::move(idle_.back());
  idle_.pop_back();
  ++lent_;
  lock.unlock();
  auto found = reader->rows.find(key);
  lock.lock();
  --lent_;
  idle_.push_back(std::move(reader));
  returned_.notify_all();
  return found;
}

}  // namespace roktcached::storage
