#include "storage/sqlite/reader_pool.h"

#include <chrono>

#include "storage/sqlite/nonblocking_reads.h"
#include "storage/sqlite/row_selection.h"

namespace roktcached::storage {

namespace {

/// The disk may stand still under a find: whatever waits for the writer must not wait for that.
constexpr std::chrono::milliseconds longest_wait{100};

}  // namespace

ReaderPool::ReaderPool(std::size_t count, std::uint64_t pages_bytes, BodyAccount* bodies)
    : count_(count), pages_bytes_(pages_bytes), bodies_(bodies), nonblocking_(enable_nonblocking_reads()) {}

Result<void> ReaderPool::open(const CacheFile& file) {
  Readers readers;
  for (std::size_t i = 0; i < count_; ++i) {
    auto connection = open_for_reading(file, pages_bytes_ / count_);
    if (!connection) return connection.error();
    auto rows = RowReader::prepare(*connection, bodies_);
    if (!rows) return rows.error();
    readers.push_back(std::make_unique<Reader>(std::move(*connection), std::move(*rows)));
  }
  replace(std::move(readers), true);
  return {};
}

void ReaderPool::close() {
  replace({}, false);
  UniqueLock lock(mutex_);
  returned_.wait_for(lock, longest_wait, [this] {
    mutex_.assert_held();
    return lent_ == 0;
  });
}

void ReaderPool::replace(Readers readers, bool open) {
  {
    const LockGuard lock(mutex_);
    ++opening_;
    for (const auto& reader : readers) reader->opening = opening_;
    idle_.swap(readers);
    open_ = open;
    finding_ = finding_past_ = 0;
    returned_.notify_all();
  }
  // Out of the lock: to close one may take a disk's time.
}

void ReaderPool::move_on() {
  const LockGuard lock(mutex_);
  ++snapshot_;
  for (const auto& reader : idle_) reader->snapshot.end();
  finding_past_ = finding_;
}

void ReaderPool::wait_for_finds() {
  UniqueLock lock(mutex_);
  returned_.wait_for(lock, longest_wait, [this] {
    mutex_.assert_held();
    return finding_past_ == 0;
  });
}

ReaderPool::Lease::Lease(ReaderPool& pool, Use use) : pool_(pool), use_(use) {
  UniqueLock lock(pool_.mutex_);
  if (use != Use::find_at_once)
    pool_.returned_.wait(lock, [this] {
      pool_.mutex_.assert_held();
      return !pool_.open_ || !pool_.idle_.empty();
    });
  const bool lends = pool_.open_ && (use != Use::find_at_once || pool_.nonblocking_);
  if (!lends || pool_.idle_.empty()) return;
  reader_ = std::move(pool_.idle_.back());
  pool_.idle_.pop_back();
  ++pool_.lent_;
  if (use != Use::list) ++pool_.finding_;
  lent_at_ = pool_.snapshot_;
}

ReaderPool::Lease::~Lease() {
  if (!reader_) return;
  UniqueLock lock(pool_.mutex_);
  if (reader_->opening != pool_.opening_) {
    lock.unlock();
    reader_.reset();
    lock.lock();
  }
  --pool_.lent_;
  if (reader_) give_back();
  pool_.returned_.notify_all();
}

void ReaderPool::Lease::give_back() {
  const bool past = lent_at_ != pool_.snapshot_;
  if (past) reader_->snapshot.end();
  if (use_ != Use::list) {
    --pool_.finding_;
    if (past) --pool_.finding_past_;
  }
  pool_.idle_.push_back(std::move(reader_));  // never allocates: there was room for all of them at once
}

Result<FoundRow> ReaderPool::find(const Key& key) {
  const Lease lease(*this, Lease::Use::find);
  if (lease.reader() == nullptr) return FoundRow{};
  if (!lease.reader()->snapshot.hold())
    return Error{ErrorCode::storage_unavailable, true,
                 "the cache file: an earlier snapshot of it could not be ended"};
  return lease.reader()->rows.find(key);
}

std::optional<FoundRow> ReaderPool::find_at_once(const Key& key) {
  const Lease lease(*this, Lease::Use::find_at_once);
  if (lease.reader() == nullptr) return std::nullopt;
  const NonblockingReads promptly(lease.reader()->connection);
  if (!lease.reader()->snapshot.hold()) return std::nullopt;
  // Below the size from which an answer is compressed, too, which takes longer than to change threads.
  auto found = lease.reader()->rows.find(key, std::int64_t{short_body_max} - 1);
  if (!found || found->body_left) return std::nullopt;
  return std::move(*found);
}

Result<std::vector<EntrySummary>> ReaderPool::list(const Listing& wanted) {
  const Lease lease(*this, Lease::Use::list);
  if (lease.reader() == nullptr)
    return Error{ErrorCode::storage_unavailable, true, "the cache file is not open"};
  return list_rows(lease.reader()->connection, wanted);
}

}  // namespace roktcached::storage
