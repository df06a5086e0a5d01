#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/mutex.h"
#include "storage/sqlite/cache_file.h"
#include "storage/sqlite/row.h"

namespace roktcached::storage {

/// A few read-only connections to the cache file, each lent to one thread at a time. Safe from any thread.
///
/// Each keeps the snapshot of the file that it has read from until move_on: to take one, and to give it up,
/// would cost two system calls a row.
class ReaderPool {
 public:
  /// @param pages_bytes  memory for pages, of all connections together
  /// @param bodies       see RowReader::prepare
  ReaderPool(std::size_t count, std::uint64_t pages_bytes, BodyAccount* bodies);

  /// Opens connections, in place of those that are open. For the writer alone, as close.
  [[nodiscard]] Result<void> open(const CacheFile& file);
  /// Closes them, and waits a moment for those that are lent. A disk that hangs may keep one for long; that
  /// one is closed when it is given back. Until open, find() answers "nothing".
  void close();

  /// Gives up the snapshots that have been taken until now; a find that is under way gives up its own at its
  /// end. The writer calls this before it says that a commit is done. It also does when it has moved the log
  /// into the file, so that nobody needs to read the log from then on. So does whoever knows that another
  /// process has committed something.
  void move_on();
  /// Waits a moment for the finds that were under way when snapshots were last given up. It waits for no
  /// listing: that only puts off a checkpoint.
  void wait_for_finds();

  [[nodiscard]] Result<FoundRow> find(const Key& key);
  /// find, for a thread that must not wait: reads only what the kernel has in memory, and only short bodies.
  /// @return empty if only find can tell
  [[nodiscard]] std::optional<FoundRow> find_at_once(const Key& key);
  [[nodiscard]] Result<std::vector<EntrySummary>> list(const Listing& wanted);

 private:
  struct Reader {
    Reader(Connection opened, RowReader prepared)
        : connection(std::move(opened)), rows(std::move(prepared)), snapshot(connection) {}
    Connection connection;
    RowReader rows;
    Snapshot snapshot;
    std::uint64_t opening = 0;  // the pool's opening_ when it was opened
  };

  /// The loan of a connection, given back at its end.
  class Lease {
   public:
    enum class Use { find, find_at_once, list };
    /// Waits for a free one, but for find_at_once.
    Lease(ReaderPool& pool, Use use);
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    /// Null while the pool is closed; of find_at_once also where none was free.
    [[nodiscard]] Reader* reader() const { return reader_.get(); }

   private:
    void give_back() REQUIRES(pool_.mutex_);

    ReaderPool& pool_;
    const Use use_;
    std::unique_ptr<Reader> reader_;
    std::uint64_t lent_at_ = 0;  // the pool's snapshot_ then
  };

  using Readers = std::vector<std::unique_ptr<Reader>>;
  void replace(Readers readers, bool open);

  const std::size_t count_;
  const std::uint64_t pages_bytes_;
  BodyAccount* const bodies_;
  const bool nonblocking_;  // whether this SQLite has reads that do not wait
  Mutex mutex_;
  ConditionVariable returned_;
  Readers idle_ GUARDED_BY(mutex_);
  /// Counts open and close: a reader of an earlier one does not come back.
  std::uint64_t opening_ GUARDED_BY(mutex_) = 0;
  std::size_t lent_ GUARDED_BY(mutex_) = 0;     // of any opening
  std::size_t finding_ GUARDED_BY(mutex_) = 0;  // of those lent of the last
  /// Of those, what was lent before snapshots were last given up.
  std::size_t finding_past_ GUARDED_BY(mutex_) = 0;
  std::uint64_t snapshot_ GUARDED_BY(mutex_) = 0;  // counts those that were to be given up
  bool open_ GUARDED_BY(mutex_) = false;
};

}  // namespace roktcached::storage
