#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "storage/response_store.h"
#include "storage/sqlite/cache_file.h"
#include "storage/sqlite/checkpoint.h"
#include "storage/sqlite/file_watch.h"
#include "storage/sqlite/reader_pool.h"
#include "storage/sqlite/row.h"
#include "storage/sqlite/row_owner.h"
#include "storage/sqlite/troubles.h"
#include "storage/sqlite/write_queue.h"

namespace roktcached::storage {

struct SqliteOptions {
  std::string path;
  std::uint64_t max_disk = std::uint64_t{1}
                           << 30;     ///< bytes, of the file and its log together; at least 32 MiB
  std::vector<RowOwner> owners = {};  ///< the credentials whose names keys will have
  /// Another process still has the file, and is about to end. Until then the file is only read, and writes
  /// wait.
  bool is_successor = false;
  std::size_t readers = 2;
  WriteQueue::Limits queue = {};
  /// Memory for pages, of all readers together, in bytes. Pages that are not in it are asked of the kernel
  /// every time. For a random row of a million that is 2.4 pages if a reader has 4 MiB, and 1.6 if it has 21;
  /// the row's own page is always one of them.
  std::uint64_t pages = std::uint64_t{64} << 20;
  BodyAccount* bodies = nullptr;                 ///< counts the bodies that are read; outlives the store
  std::chrono::milliseconds linger{50};          ///< how long a write waits for company
  std::chrono::milliseconds retry_after{5'000};  ///< how long writing stays off after the disk was full
  std::chrono::milliseconds look_every{1'000};   ///< at the file's names; where something is amiss, oftener
  OperatorLog report = [](std::string_view) {};
};

/// The disk tier: a SQLite file that a person can read. Writes go through a queue to one thread, in batches,
/// each a transaction; a process that is killed loses at most the last moments. Reads use connections of
/// their own. All calls are safe from any thread.
///
/// A failure costs only what it hit, and the tier comes back by itself; statistics() say what is amiss
/// meanwhile.
/// - An I/O error is repeated a few times, then the find is a miss, or the batch is dropped and counted.
/// While
///   nothing can be read, finds are misses at once.
/// - Damage is what SQLite finds twice, the second time on connections opened anew, while no read fails. A
///   damaged row is deleted. A damaged file is set aside with a time stamp and a new one begun; the last two
///   are kept, until a hard purge removes them.
/// - A full disk turns writing off for a while, and nothing else. So does another program's read transaction
///   that keeps the log from being emptied, once the log has reached its bound.
/// - A file that is deleted or replaced under its name is noticed within a second, and begun anew.
/// - Where memory fails in the writer's thread, the batch at hand is dropped and counted.
class SqliteStore final : public ResponseStore {
 public:
  /// Opens the file or, where its disk fails or another program has locked it, leaves that for later.
  /// @return storage_in_use or storage_unavailable, with one line that names the path
  [[nodiscard]] static Result<std::unique_ptr<SqliteStore>> open(SqliteOptions options);
  /// Brings what is queued to the disk.
  ~SqliteStore() override;
  SqliteStore(const SqliteStore&) = delete;
  SqliteStore& operator=(const SqliteStore&) = delete;

  [[nodiscard]] Result<StoredResponsePtr> find(const Key& key, WallTime now) override;
  /// find, for a thread that must not wait: of what the kernel has in memory, and of short bodies.
  /// @return empty if only find can tell
  [[nodiscard]] std::optional<StoredResponsePtr> find_at_once(const Key& key, WallTime now);
  /// A response that takes more than an eighth of max_disk is too_large_for_cache. `stored` says that it is
  /// queued: see takes_writes.
  caching::Storing put(StoredResponsePtr response) override;
  /// Also an error while the file is away: what is in it would be found again once it is back.
  [[nodiscard]] Result<std::uint64_t> purge(const caching::Purge& purge, WallTime now) override;
  /// Of what waits to be written. The rows go once more when this process has the file: the other one may
  /// have written what it had fetched before.
  [[nodiscard]] Result<std::uint64_t> purge_after_other(const caching::Purge& purge, WallTime now) override;
  [[nodiscard]] Result<std::vector<EntrySummary>> list(const Listing& wanted) override {
    return readers_.list(wanted);
  }
  [[nodiscard]] Usage usage_of(const caching::KeyHash&) override { return {}; }
  void flush() override {
    while (!flush_within(std::chrono::hours(1))) continue;
  }
  /// @return false if the disk has not taken all that was queued within `patience`
  bool flush_within(std::chrono::milliseconds patience) { return queue_.wait_until_written(patience); }
  /// From then on finds see all that another process has written before.
  void look_again() { readers_.move_on(); }
  /// Whether another process still has the file, and is about to end.
  [[nodiscard]] bool waits_for_predecessor() const { return waits_for_predecessor_; }
  [[nodiscard]] std::vector<TierStatistics> statistics() const override;

  /// Whether the disk takes what is queued, as far as is known now.
  [[nodiscard]] bool takes_writes() const;

  /// The response that waits to be written for `key`, or null; never blocks on the disk.
  [[nodiscard]] StoredResponsePtr find_queued(const Key& key) const { return queue_.find(key); }

 private:
  struct Writer {
    Writer(Connection opened, RowWriter prepared)
        : connection(std::move(opened)), rows(std::move(prepared)), checkpoint(connection) {}
    Connection connection;
    RowWriter rows;
    Checkpoint checkpoint;
  };

  /// When something that failed is tried again.
  class Backoff {
   public:
    [[nodiscard]] bool is_due() const { return std::chrono::steady_clock::now() >= next_; }
    void failed();
    void reset() { *this = {}; }

   private:
    std::chrono::milliseconds pause_{250};
    std::chrono::steady_clock::time_point next_{};
  };

  /// The part of max_disk that SQLite's log may take. Beyond it nothing is begun to be written but purges,
  /// which may take as much again. What is under way then takes some MiB more.
  static constexpr std::uint64_t log_bytes_max = std::uint64_t{16} << 20;
  static constexpr int log_pages_max = static_cast<int>(log_bytes_max / page_size);

  SqliteStore(SqliteOptions options, std::optional<FileLock> lock);
  StoredResponsePtr newest_of(const Key& key, FoundRow found, WallTime now);
  Result<FoundRow> read_row(const Key& key);
  /// Whether finds are misses, since nothing can be read.
  [[nodiscard]] bool reading_is_off() const;

  // All below belongs to the writer thread, and to open() before that thread runs.

  void write_loop();
  bool write_next();
  void write(std::vector<Write>& batch);
  std::size_t write_and_count(std::vector<Write>& batch);
  Result<void> write_whole(std::vector<Write>& batch);
  std::size_t write_one_by_one(std::vector<Write>& batch);
  Result<void> write_batch(std::vector<Write>& batch);
  Result<void> examine(std::vector<Write>& batch);
  Result<void> commit(Transaction& transaction);
  void after_commit();
  void move_log_into_file();
  bool log_has_room(int pages_max);
  Result<std::uint64_t> purge_rows(const QueuedPurge& order);
  Result<void> purge_slices(const QueuedPurge& order, std::uint64_t& purged);
  Result<void> keep_within_bounds(std::int64_t room);
  Result<void> shorten_file();
  Result<std::int64_t> evict(std::int64_t used, std::int64_t target);
  Result<std::int64_t> pages_in_use();
  void read_totals();
  void count_error() { errors_.fetch_add(1, std::memory_order_relaxed); }

  void read_of_predecessor();
  Result<void> open_readers_of_predecessor();
  void wait_for_predecessor();
  void take_file_of_predecessor();
  Result<void> open_or_begin_anew();
  Result<void> open_file();
  Result<void> open_connections(const CacheFile& file);
  void close_file();
  Error replace_damaged(const Error& error);
  Result<void> unless_damaged(const std::function<Result<void>()>& work);
  void stay_without_file(const Error& why);
  void bring_back();
  void look_after();
  void look_at_names();
  void try_to_read();
  void try_to_write();
  Result<void> write_nothing();

  const SqliteOptions options_;
  const std::int64_t pages_max_;
  Troubles troubles_;
  /// Goes last: SQLite deletes the files beside the cache file, by their names, when its last connection
  /// closes. Whoever has the lock by then may have begun the file anew.
  std::optional<FileLock> lock_;
  WriteQueue queue_;
  ReaderPool readers_;
  std::atomic<unsigned> read_failures_{0};  // finds in a row
  std::atomic<bool> waits_for_predecessor_{false};

  std::optional<CacheFile> file_;   // that was opened last
  std::optional<FileWatch> watch_;  // of file_
  std::unique_ptr<Writer> writer_;  // null while there is no file to write to
  std::uint64_t openings_ = 0;      // of writer_
  std::chrono::steady_clock::time_point look_at_{};
  std::chrono::steady_clock::time_point writing_off_until_{};
  Backoff away_;
  Backoff unreadable_;
  Backoff unwritable_;

  std::atomic<std::uint64_t> entries_{0};
  /// Whether rows may have to go before long. Until then the order of their last uses is not worth the writes
  /// that record it.
  std::atomic<bool> crowded_{false};
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> evictions_{0};
  std::atomic<std::uint64_t> errors_{0};
  std::atomic<std::uint64_t> dropped_{0};
  std::thread thread_;
};

}  // namespace roktcached::storage
