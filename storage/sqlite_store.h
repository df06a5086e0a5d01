#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "storage/cache_file.h"
#include "storage/checkpoint.h"
#include "storage/reader_pool.h"
#include "storage/response_store.h"
#include "storage/row.h"
#include "storage/row_owner.h"
#include "storage/write_queue.h"

namespace roktcached::storage {

struct SqliteOptions {
  std::string path;
  std::uint64_t max_disk = std::uint64_t{1}
                           << 30;     ///< bytes, of the file and its log together; at least 32 MiB
  std::vector<RowOwner> owners = {};  ///< the credentials whose names keys will have
  std::size_t readers = 2;
  WriteQueue::Limits queue = {};
  /// Memory for pages, of all readers together, in bytes. What is not there is asked of the kernel every
  /// time: for a random row of a million 2.4 pages where a reader has 4 MiB, 1.6 where it has 21. Its own
  /// page is always one of them.
  std::uint64_t pages = std::uint64_t{64} << 20;
  BodyAccount* bodies = nullptr;                  ///< counts the bodies that are read; outlives the store
  std::chrono::milliseconds linger{50};           ///< how long a write waits for company
  std::chrono::milliseconds retry_after{30'000};  ///< how long writing stays off after the disk was full
  Report report = [](std::string_view) {};
};

/// The disk tier: a SQLite file that a person can read. Writes go through a queue to one thread, in batches,
/// each a transaction; a process that is killed loses at most the last moments. Reads use connections of
/// their own.
///
/// A full disk turns writing off for a while, and nothing else. A file found damaged, at the start or later,
/// is set aside with a time stamp and a new one begun; the last two are kept, until a hard purge removes
/// them. Where memory fails in the writer's thread, the batch at hand is dropped and counted. All calls are
/// safe from any thread.
class SqliteStore final : public ResponseStore {
 public:
  /// @return storage_in_use, storage_unavailable or storage_full, with one line that names the path
  [[nodiscard]] static Result<std::unique_ptr<SqliteStore>> open(SqliteOptions options);
  /// Brings what is queued to the disk.
  ~SqliteStore() override;
  SqliteStore(const SqliteStore&) = delete;
  SqliteStore& operator=(const SqliteStore&) = delete;

  [[nodiscard]] Result<StoredResponsePtr> find(const Key& key, WallTime now) override;
  /// find, for a thread that must not wait: of what the kernel has in memory, and of short bodies.
  /// @return empty where only find can tell
  [[nodiscard]] std::optional<StoredResponsePtr> find_at_once(const Key& key, WallTime now);
  /// A response that takes more than an eighth of max_disk is not kept.
  void put(StoredResponsePtr response) override;
  [[nodiscard]] Result<std::uint64_t> purge(const caching::Purge& purge, WallTime now) override {
    return queue_.purge(purge, now).get();
  }
  [[nodiscard]] Result<std::vector<EntrySummary>> list(const Listing& wanted) override {
    return readers_.list(wanted);
  }
  [[nodiscard]] Usage usage_of(const caching::KeyHash&) override { return {}; }
  void flush() override { queue_.wait_until_written(); }
  [[nodiscard]] std::vector<TierStatistics> statistics() const override;

  /// What waits to be written for `key`, or null; never blocks on the disk.
  [[nodiscard]] StoredResponsePtr find_queued(const Key& key) const { return queue_.find(key); }

 private:
  struct Writer {
    Writer(Connection opened, RowWriter prepared)
        : connection(std::move(opened)), rows(std::move(prepared)), checkpoint(connection) {}
    Connection connection;
    RowWriter rows;
    Checkpoint checkpoint;
  };

  SqliteStore(SqliteOptions options, FileLock lock);
  Result<void> open_file();
  StoredResponsePtr newest_of(const Key& key, FoundRow found, WallTime now);
  void write_loop();
  bool write_next();
  void write(const std::vector<Write>& batch);
  bool try_to_write(const std::vector<Write>& batch);
  Result<void> write_batch(const std::vector<Write>& batch);
  Result<void> commit(Transaction& transaction);
  void after_commit();
  Result<std::uint64_t> purge_rows(const QueuedPurge& order);
  Result<std::uint64_t> purge_slices(const QueuedPurge& order);
  Result<void> keep_within_bounds(std::int64_t room);
  Result<std::int64_t> evict(std::int64_t used, std::int64_t target);
  Result<std::int64_t> pages_in_use();
  void read_totals();
  void recover(const Error& error);

  const SqliteOptions options_;
  const FileLock lock_;
  const std::int64_t pages_max_;
  WriteQueue queue_;
  ReaderPool readers_;
  std::unique_ptr<Writer> writer_;  // of the writer thread; null while there is no file to write to
  std::chrono::steady_clock::time_point writing_off_until_{};  // of the writer thread
  std::atomic<std::uint64_t> generation_{1};          // of the file: counts those that were begun afresh
  std::atomic<std::uint64_t> damaged_generation_{0};  // the one that a reader has found unreadable
  std::atomic<std::uint64_t> entries_{0};
  /// Whether rows may have to go before long. Until then the order of their last uses is not worth its
  /// writes.
  std::atomic<bool> crowded_{false};
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> evictions_{0};
  std::atomic<std::uint64_t> errors_{0};
  std::atomic<std::uint64_t> dropped_{0};
  std::thread thread_;
};

}  // namespace roktcached::storage
