#include "storage/reader_pool.h"

#include "storage/row_listing.h"

namespace roktcached::storage {

Result<void> ReaderPool::open(const CacheFile& file) {
  std::vector<std::unique_ptr<Reader>> readers;
  for (std::size_t i = 0; i < count_; ++i) {
    auto connection = open_for_reading(file);
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

ReaderPool::Lease::Lease(ReaderPool& pool) : pool_(pool) {
  std::unique_lock lock(pool_.mutex_);
  pool_.returned_.wait(lock, [this] { return !pool_.open_ || !pool_.idle_.empty(); });
  if (!pool_.open_) return;
  reader_ = std::move(pool_.idle_.back());
  pool_.idle_.pop_back();
  ++pool_.lent_;
}

ReaderPool::Lease::~Lease() {
  if (!reader_) return;
  const std::lock_guard lock(pool_.mutex_);
  --pool_.lent_;
  pool_.idle_.push_back(std::move(reader_));  // never allocates: there was room for all of them at once
  pool_.returned_.notify_all();
}

Result<FoundRow> ReaderPool::find(const Key& key) {
  const Lease lease(*this);
  if (lease.reader() == nullptr) return FoundRow{};
  return lease.reader()->rows.find(key);
}

Result<std::vector<EntrySummary>> ReaderPool::list(const Listing& wanted) {
  const Lease lease(*this);
  if (lease.reader() == nullptr) return std::vector<EntrySummary>();
  return list_rows(lease.reader()->connection, wanted);
}

}  // namespace roktcached::storage
