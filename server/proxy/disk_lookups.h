#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "core/caching/key.h"
#include "core/caching/stored_response.h"
#include "core/error.h"
#include "core/mutex.h"
#include "core/time.h"

namespace roktcached::proxy {

/// The result of a look-up. Small, since it is in the frames that a miss allocates.
struct LookedUp {
  caching::StoredResponsePtr response;  ///< null: nothing, or no_room
  bool no_room = false;                 ///< there is an answer, but no room in memory for it
  bool soon = false;                    ///< with no_room: something gives way to it
};

/// Look-ups that may have to wait for the disk, on threads of their own. Nobody waits for one longer than a
/// timeout: then it is a miss, whatever becomes of it. Look-ups of one key at the same time are one, and get
/// the same response. Their number is bounded. If the disk hangs, so that every thread is in a look-up that
/// nobody waits for any more, further look-ups are misses at once.
///
/// Safe from any thread. Outlives its look-ups: the pool is joined first.
class DiskLookups {
 public:
  /// May block, and may throw: then it is a miss.
  using Read = std::function<Result<caching::StoredResponsePtr>(const caching::Key&, WallTime)>;
  /// Changes whenever what Read finds for a key may have been put or purged.
  using Version = std::function<std::uint64_t(const caching::Key&)>;

  struct Limits {
    std::chrono::milliseconds timeout{250};
    std::size_t threads = 2;    ///< of the pool
    std::size_t lookups = 512;  ///< waiting and under way
  };

  DiskLookups(boost::asio::any_io_executor threads, Limits limits, Read read, Version version);
  ~DiskLookups();

  /// Finds the response that is stored for `key`. Resumes on the caller's executor, which one thread runs.
  [[nodiscard]] boost::asio::awaitable<LookedUp> find(caching::Key key, WallTime now);

 private:
  struct Lookup;
  struct Waiter;
  using LookupPtr = std::shared_ptr<Lookup>;
  using WaiterPtr = std::shared_ptr<Waiter>;

  bool join(const caching::Key& key, WallTime now, const WaiterPtr& waiter);
  void leave(const WaiterPtr& waiter);
  void run(const LookupPtr& lookup) noexcept;
  bool begin(const LookupPtr& lookup);
  [[nodiscard]] std::vector<WaiterPtr> end(const LookupPtr& lookup);

  const boost::asio::any_io_executor threads_;
  const Limits limits_;
  const Read read_;
  const Version version_;
  Mutex mutex_;
  std::unordered_map<caching::KeyHash, LookupPtr, caching::KeyHashHasher> by_key_
      GUARDED_BY(mutex_);  // the last of each
  std::size_t lookups_ GUARDED_BY(mutex_) = 0;
  std::size_t hanging_ GUARDED_BY(mutex_) = 0;  // under way, and nobody waits for them any more
};

}  // namespace roktcached::proxy
