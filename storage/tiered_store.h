#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "storage/memory/memory_store.h"
#include "storage/response_store.h"
#include "storage/sqlite/sqlite_store.h"

namespace roktcached::storage {

/// Memory over disk, as one store. A response that is put goes to both; a response that is read from the disk
/// is kept in memory. There is one exception: a response that was read at once is kept only the second time
/// if memory is full. Otherwise a client that reads a little of everything, such as a nightly export, would
/// make room for each answer, for nothing.
class TieredStore final : public ResponseStore {
 public:
  /// Prepares a row, on the thread that has read it, before memory keeps it.
  using Prepare = std::function<StoredResponsePtr(StoredResponsePtr)>;

  /// @param disk  null: memory only
  TieredStore(std::unique_ptr<MemoryStore> memory, std::unique_ptr<SqliteStore> disk, Prepare prepare = {})
      : memory_(std::move(memory)), disk_(std::move(disk)), prepare_(std::move(prepare)) {}

  /// The response that can be had without waiting for the disk: from memory, or from the writes that wait.
  [[nodiscard]] StoredResponsePtr find_in_memory(const Key& key, WallTime now);
  /// find, for a thread that must not wait for the disk.
  /// @return empty if only find can tell
  [[nodiscard]] std::optional<StoredResponsePtr> find_at_once(const Key& key, WallTime now);
  /// As find_at_once, for a key that find_in_memory has not found.
  [[nodiscard]] std::optional<StoredResponsePtr> find_on_disk_at_once(const Key& key, WallTime now);

  /// Changes with every put that may be of this key, and with every purge.
  [[nodiscard]] std::uint64_t version_of(const Key& key) { return memory_->version_of(key); }

  [[nodiscard]] Result<StoredResponsePtr> find(const Key& key, WallTime now) override;
  caching::Storing put(StoredResponsePtr response) override;
  [[nodiscard]] Result<std::uint64_t> purge(const caching::Purge& purge, WallTime now) override;
  [[nodiscard]] Result<std::uint64_t> purge_after_other(const caching::Purge& purge, WallTime now) override;
  /// The list of the disk if there is one: the disk holds all that memory has.
  [[nodiscard]] Result<std::vector<EntrySummary>> list(const Listing& wanted) override;
  [[nodiscard]] Usage usage_of(const caching::KeyHash& hash) override { return memory_->usage_of(hash); }
  void flush() override;
  /// flush, for `patience` at the most.
  /// @return false if the disk has not taken all of it by then
  bool flush_within(std::chrono::milliseconds patience) { return !disk_ || disk_->flush_within(patience); }
  /// From then on finds see all that another process has written to the disk before.
  void look_again() {
    if (disk_) disk_->look_again();
  }
  /// Whether another process still has the cache file, and is about to end.
  [[nodiscard]] bool waits_for_predecessor() const { return disk_ && disk_->waits_for_predecessor(); }
  [[nodiscard]] std::vector<TierStatistics> statistics() const override;

 private:
  Result<std::uint64_t> purge_memory(const Result<std::uint64_t>& on_disk, const caching::Purge& purge,
                                     WallTime now);

  std::unique_ptr<MemoryStore> memory_;
  std::unique_ptr<SqliteStore> disk_;
  const Prepare prepare_;
};

}  // namespace roktcached::storage
