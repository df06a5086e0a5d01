#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "storage/cache_file.h"
#include "storage/row.h"

namespace roktcached::storage {

/// A few read-only connections to the cache file, each lent to one thread at a time. Safe from any thread.
class ReaderPool {
 public:
  explicit ReaderPool(std::size_t count) : count_(count) {}

  /// Opens the connections. Only while nothing is open.
  [[nodiscard]] Result<void> open(const CacheFile& file);
  /// Waits until every connection has been given back, and closes them all; find() then answers "nothing"
  /// until open.
  void close();

  [[nodiscard]] Result<FoundRow> find(const Key& key);
  [[nodiscard]] Result<std::vector<EntrySummary>> list(const Listing& wanted);

 private:
  struct Reader {
    Connection connection;
    RowReader rows;
  };

  /// The loan of a connection, given back at its end.
  class Lease {
   public:
    /// Waits for a free one.
    explicit Lease(ReaderPool& pool);
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    /// Null while the pool is closed.
    [[nodiscard]] Reader* reader() const { return reader_.get(); }

   private:
    ReaderPool& pool_;
    std::unique_ptr<Reader> reader_;
  };

  const std::size_t count_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Reader>> idle_;
  std::size_t lent_ = 0;
  bool open_ = false;
};

}  // namespace roktcached::storage
