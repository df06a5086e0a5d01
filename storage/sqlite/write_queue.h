#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <future>
#include <optional>
#include <unordered_map>
#include <vector>

#include "core/mutex.h"
#include "storage/response_store.h"

namespace roktcached::storage {

/// One thing to be written: a response, a look at a row that may be damaged, or only the time of its use.
struct Write {
  Key key;
  StoredResponsePtr response;
  std::optional<WallTime> touched_at;
  /// A reader has found the row damaged. It goes first, so that a response is never merged with what is wrong
  /// in it; without a response only once it has been found damaged again.
  bool suspect = false;
};

/// A purge that waits for the writer thread.
struct QueuedPurge {
  caching::Purge purge;
  WallTime now;
  /// The keys of the writes that the purge has met in the queue.
  std::vector<caching::KeyHash> met;
  std::promise<Result<std::uint64_t>> result;
};

/// The writes that wait for the writer thread: bounded, one write a key (a later one replaces an earlier),
/// and visible to readers until it is committed, so that nobody reads the row that is about to be replaced.
/// Safe from any thread.
class WriteQueue {
 public:
  struct Limits {
    std::size_t entries = 8192;
    std::uint64_t bytes = std::uint64_t{64} << 20;
  };

  explicit WriteQueue(Limits limits) : limits_(limits) {}

  /// @return false if the queue is full and the write is given up
  bool put(StoredResponsePtr response);
  /// Queues a look at a row that may be damaged; what waits for its key is written behind it. Given up
  /// silently where the queue is full.
  void suspect(const Key& key);
  /// Queues a time of use, unless something is queued for the key already or the queue is full.
  void touch(const Key& key, WallTime used_at);

  /// The response that waits, or is being written, for `key`; null if there is none.
  [[nodiscard]] StoredResponsePtr find(const Key& key) const;

  /// Drops the waiting writes that are selected (a soft purge makes them stale), and queues the purge of what
  /// is on the disk or on its way there. The writer takes that next, after the batch that it is writing.
  [[nodiscard]] std::future<Result<std::uint64_t>> purge(const caching::Purge& purge, WallTime now);
  /// For the writer alone, when no batch is taken: the oldest purge that waits.
  [[nodiscard]] std::optional<QueuedPurge> take_purge();

  /// For the writer alone: waits for something to write, lets more come for `linger`, and takes a batch. The
  /// batch stays visible to find until done() is called. Empty if a purge waits, which goes first; if nothing
  /// has come for as long as `patience`; and once the queue is closed and all is taken. If memory fails, it
  /// throws and has taken nothing, or it returns less.
  [[nodiscard]] std::vector<Write> take(std::size_t entries_max, std::uint64_t bytes_max,
                                        std::chrono::milliseconds linger,
                                        std::chrono::milliseconds patience = std::chrono::hours(1));
  void done();
  /// Whether it is closed, and all is taken.
  [[nodiscard]] bool is_finished() const;
  /// As take, but takes only what is there, without waiting, and even if a purge waits.
  [[nodiscard]] std::vector<Write> take_waiting(std::size_t entries_max, std::uint64_t bytes_max);

  /// Blocks until everything put before has been taken and is done.
  /// @return false if that has taken longer than `patience`
  bool wait_until_written(std::chrono::milliseconds patience);
  void close();
  [[nodiscard]] std::size_t size() const;

 private:
  void enqueue(const caching::KeyHash& hash, Write write) REQUIRES(mutex_);
  void wake_writer() REQUIRES(mutex_);
  [[nodiscard]] bool is_batch() const REQUIRES(mutex_);
  std::vector<Write> take_locked(std::size_t entries_max, std::uint64_t bytes_max) REQUIRES(mutex_);

  using Pending = std::unordered_map<caching::KeyHash, Write, caching::KeyHashHasher>;
  const Limits limits_;
  mutable Mutex mutex_;
  ConditionVariable changed_;  // something came, is done, or the queue was closed or is in a hurry
  Pending pending_ GUARDED_BY(mutex_);
  std::deque<caching::KeyHash> order_ GUARDED_BY(mutex_);
  Pending being_written_ GUARDED_BY(mutex_);
  std::deque<QueuedPurge> purges_ GUARDED_BY(mutex_);
  std::uint64_t bytes_ GUARDED_BY(mutex_) = 0;
  /// How much the writer takes at once; it lets that much come together before.
  std::size_t batch_entries_ GUARDED_BY(mutex_) = 0;
  std::uint64_t batch_bytes_ GUARDED_BY(mutex_) = 0;
  std::size_t waiting_for_flush_ GUARDED_BY(mutex_) = 0;
  /// Writes, since the beginning; with those in order_ they are all that ever came.
  std::uint64_t taken_ GUARDED_BY(mutex_) = 0;
  std::uint64_t done_ GUARDED_BY(mutex_) = 0;
  bool closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace roktcached::storage
