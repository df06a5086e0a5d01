#include "storage/memory/memory_store.h"

#include <algorithm>

namespace roktcached::storage {

namespace {

constexpr std::uint64_t shard_min = std::uint64_t{32} << 20;
constexpr std::uint64_t shards_max = 16;

}  // namespace

MemoryStore::MemoryStore(std::uint64_t bytes_max, const SlabMemory* slabs)
    : bytes_max_(bytes_max), slabs_(slabs) {
  const std::uint64_t count = std::clamp<std::uint64_t>(bytes_max / shard_min, 1, shards_max);
  for (std::uint64_t i = 0; i < count; ++i) shards_.push_back(std::make_unique<Shard>(bytes_max / count));
}

Result<StoredResponsePtr> MemoryStore::find(const Key& key, WallTime) {
  Shard& shard = shard_of(key);
  const LockGuard lock(shard.mutex);
  return shard.entries.find(key);
}

caching::Storing MemoryStore::put(StoredResponsePtr response) {
  Shard& shard = shard_of(response->key);
  const LockGuard lock(shard.mutex);
  ++shard.version;
  return shard.entries.put(std::move(response), wasted());
}

Result<std::uint64_t> MemoryStore::purge(const caching::Purge& purge, WallTime now) {
  std::uint64_t purged = 0;
  for (const auto& shard : shards_) {
    S3Fifo::Cursor cursor;
    while (!cursor.finished) {
      const LockGuard lock(shard->mutex);
      ++shard->version;  // what a reader of the disk may have in hand already does not come back
      purged += shard->entries.purge(purge, now, cursor);
    }
  }
  return purged;
}

Result<std::vector<EntrySummary>> MemoryStore::list(const Listing& wanted) {
  std::vector<EntrySummary> entries;
  const auto before = [&](const EntrySummary& left, const EntrySummary& right) {
    return comes_before(left, right, wanted.restated_only);
  };
  using Found = std::unordered_map<caching::KeyHash, EntrySummary, caching::KeyHashHasher>;
  for (const auto& shard : shards_) {
    Found found;
    S3Fifo::Cursor cursor;
    while (!cursor.finished) {
      Found slice;  // of its own: `found` takes long to grow once it is large
      {
        const LockGuard lock(shard->mutex);
        shard->entries.list(wanted, slice, cursor);
      }
      for (auto& [hash, entry] : slice) found.insert_or_assign(hash, std::move(entry));
    }
    for (auto& [hash, entry] : found) entries.push_back(std::move(entry));
    std::ranges::sort(entries, before);
    entries.resize(std::min(entries.size(), wanted.limit));
  }
  return entries;
}

Usage MemoryStore::usage_of(const caching::KeyHash& hash) {
  Shard& shard = shard_of(hash);
  const LockGuard lock(shard.mutex);
  return shard.entries.usage_of(hash);
}

std::uint64_t MemoryStore::version_of(const Key& key) {
  Shard& shard = shard_of(key);
  const LockGuard lock(shard.mutex);
  return shard.version;
}

void MemoryStore::put_if_absent(StoredResponsePtr response, std::uint64_t version) {
  Shard& shard = shard_of(response->key);
  const LockGuard lock(shard.mutex);
  if (shard.version == version && !shard.entries.find(response->key))
    shard.entries.put(std::move(response), wasted());
}

void MemoryStore::put_if_wanted(StoredResponsePtr response, std::uint64_t version) {
  Shard& shard = shard_of(response->key);
  const LockGuard lock(shard.mutex);
  if (shard.version != version || shard.entries.find(response->key)) return;
  if (shard.entries.admits(*response, wasted())) shard.entries.put(std::move(response), wasted());
}

std::vector<TierStatistics> MemoryStore::statistics() const {
  TierStatistics sum;
  sum.tier = "memory";
  sum.bytes_max = bytes_max_;
  for (const auto& shard : shards_) {
    const LockGuard lock(shard->mutex);
    sum.entries += shard->entries.entries();
    sum.bytes += shard->entries.bytes();
    sum.body_bytes += shard->entries.body_bytes();
    sum.evictions += shard->entries.evictions();
  }
  return {sum};
}

}  // namespace roktcached::storage
