#include "storage/tiered_store.h"

#include <algorithm>

namespace roktcached::storage {

StoredResponsePtr TieredStore::find_in_memory(const Key& key, WallTime now) {
  auto found = memory_->find(key, now);
  if (found && *found) return *found;
  return disk_ ? disk_->find_queued(key) : nullptr;
}

/// The version of the key is taken before the disk is read. A newer response may come meanwhile, and may be
/// too large for memory or have left it again: then what was read must not take its place.
Result<StoredResponsePtr> TieredStore::find(const Key& key, WallTime now) {
  if (auto found = find_in_memory(key, now)) return found;
  if (!disk_) return StoredResponsePtr();
  const std::uint64_t version = memory_->version_of(key);
  auto found = disk_->find(key, now);
  if (!found || !*found) return found;
  if (prepare_) *found = prepare_(std::move(*found));
  memory_->put_if_absent(*found, version);
  return found;
}

std::optional<StoredResponsePtr> TieredStore::find_at_once(const Key& key, WallTime now) {
  if (auto found = find_in_memory(key, now)) return found;
  return find_on_disk_at_once(key, now);
}

std::optional<StoredResponsePtr> TieredStore::find_on_disk_at_once(const Key& key, WallTime now) {
  if (!disk_) return StoredResponsePtr();
  const std::uint64_t version = memory_->version_of(key);
  auto found = disk_->find_at_once(key, now);
  if (!found || !*found) return found;
  if (prepare_) *found = prepare_(std::move(*found));
  memory_->put_if_wanted(*found, version);
  return found;
}

caching::Storing TieredStore::put(StoredResponsePtr response) {
  using caching::Storing;
  // The disk's queue first: what memory evicts at once can then still be found there.
  const Storing on_disk = disk_ ? disk_->put(response) : Storing::too_large_for_cache;
  const Storing in_memory = memory_->put(std::move(response));
  if (in_memory == Storing::stored) return Storing::stored;
  if (on_disk == Storing::stored) return disk_->takes_writes() ? Storing::stored : Storing::no_room;
  return on_disk == Storing::no_room ? on_disk : in_memory;
}

/// The disk first. A thread that reads a row before it is purged finds, when it would keep it in memory, that
/// memory has been purged since; the other way round it would bring it back.
Result<std::uint64_t> TieredStore::purge(const caching::Purge& purge, WallTime now) {
  const auto on_disk = disk_ ? disk_->purge(purge, now) : Result<std::uint64_t>(std::uint64_t{0});
  return purge_memory(on_disk, purge, now);
}

Result<std::uint64_t> TieredStore::purge_after_other(const caching::Purge& purge, WallTime now) {
  const auto on_disk = disk_ ? disk_->purge_after_other(purge, now) : Result<std::uint64_t>(std::uint64_t{0});
  return purge_memory(on_disk, purge, now);
}

/// Also where the disk fails.
Result<std::uint64_t> TieredStore::purge_memory(const Result<std::uint64_t>& on_disk,
                                                const caching::Purge& purge, WallTime now) {
  const auto in_memory = memory_->purge(purge, now);
  if (!on_disk) return on_disk;
  return std::max(*on_disk, *in_memory);
}

Result<std::vector<EntrySummary>> TieredStore::list(const Listing& wanted) {
  return disk_ ? disk_->list(wanted) : memory_->list(wanted);
}

void TieredStore::flush() {
  if (disk_) disk_->flush();
}

std::vector<TierStatistics> TieredStore::statistics() const {
  std::vector<TierStatistics> tiers = memory_->statistics();
  if (disk_) tiers.push_back(disk_->statistics().front());
  return tiers;
}

}  // namespace roktcached::storage
