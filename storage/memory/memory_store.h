#pragma once

#include <memory>
#include <vector>

#include "core/mutex.h"
#include "storage/memory/s3_fifo.h"
#include "storage/response_store.h"
#include "storage/slab_memory.h"

namespace roktcached::storage {

/// The memory tier, with a bound on its bytes, keys and heads included: `bytes_max` is split over the shards,
/// and each S3Fifo keeps to its part. A key belongs to one shard. Each shard has a lock of its own, which is
/// held for a table look-up and never longer.
class MemoryStore final : public ResponseStore {
 public:
  /// @param bytes_max  for all shards together; a response larger than one shard's part is not kept
  /// @param slabs      the memory in which responses stand; what it wastes counts. Outlives this; null: they
  ///          stand elsewhere
  explicit MemoryStore(std::uint64_t bytes_max, const SlabMemory* slabs = nullptr);

  [[nodiscard]] Result<StoredResponsePtr> find(const Key& key, WallTime now) override;
  caching::Storing put(StoredResponsePtr response) override;
  /// Shard by shard and slice by slice: no lock is held for longer than a few hundred entries take.
  [[nodiscard]] Result<std::uint64_t> purge(const caching::Purge& purge, WallTime now) override;
  /// Shard by shard and slice by slice, as purge.
  [[nodiscard]] Result<std::vector<EntrySummary>> list(const Listing& wanted) override;
  [[nodiscard]] Usage usage_of(const caching::KeyHash& hash) override;
  void flush() override {}
  [[nodiscard]] std::vector<TierStatistics> statistics() const override;

  /// Changes with every put that may be of this key, and with every purge.
  [[nodiscard]] std::uint64_t version_of(const Key& key);
  /// Keeps `response`, which was read elsewhere. Not if a response is kept for its key, or if one may have
  /// been put for it, or anything purged, since the key had this version.
  void put_if_absent(StoredResponsePtr response, std::uint64_t version);
  /// The same for a response that costs little to read again. If it would take another's place, it is kept
  /// only when it comes a second time within a while.
  void put_if_wanted(StoredResponsePtr response, std::uint64_t version);

 private:
  struct alignas(64) Shard {
    explicit Shard(std::uint64_t bytes) : entries(bytes) {}
    mutable Mutex mutex;
    S3Fifo entries GUARDED_BY(mutex);
    std::uint64_t version GUARDED_BY(mutex) = 0;
  };
  [[nodiscard]] Shard& shard_of(const caching::KeyHash& hash) { return *shards_[hash.high % shards_.size()]; }
  [[nodiscard]] Shard& shard_of(const Key& key) { return shard_of(key.hash()); }

  /// Bytes by which the room of each shard is smaller, because slabs waste them.
  [[nodiscard]] std::uint64_t wasted() const {
    return slabs_ == nullptr ? 0 : slabs_->unused() / shards_.size();
  }

  const std::uint64_t bytes_max_;
  const SlabMemory* const slabs_;
  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace roktcached::storage
