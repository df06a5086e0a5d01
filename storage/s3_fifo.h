#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "storage/response_store.h"

namespace roktcached::storage {

/// A bounded set of responses with S3-FIFO eviction (Yang et al., "FIFO queues are all you need for cache
/// eviction", SOSP 2023).
///
/// A newcomer enters a small queue, a tenth of the room. Only what is asked for again while it is there moves
/// to the main queue; the rest leaves, remembered by its hash for a while, and goes to the main queue
/// directly if it comes back. So a scan, such as a nightly export over every campaign, passes through the
/// small queue and never touches what the dashboards use all day. SIEVE is simpler, but by its authors' own
/// account does not withstand scans.
///
/// Every operation is O(1) amortised. Not thread-safe: MemoryStore guards each one.
class S3Fifo {
 public:
  explicit S3Fifo(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  [[nodiscard]] StoredResponsePtr find(const Key& key);
  /// Takes the place of an earlier response of this key. One larger than the whole room is not kept, and the
  /// earlier one is forgotten all the same.
  void put(StoredResponsePtr response);

  [[nodiscard]] Usage usage_of(const caching::KeyHash& hash) const;

  /// Where a purge or a listing that is done in slices has got to.
  struct Cursor {
    std::size_t bucket = 0;
    std::size_t bucket_count = 0;
    bool finished = false;
  };
  /// The next slice of a purge, of bounded length: what it selects is removed or made stale. Between slices
  /// anything may happen; what is put then may be purged or not.
  /// @return how many
  std::uint64_t purge(const caching::Purge& purge, WallTime now, Cursor& cursor);
  /// The next slice of a listing: adds what `wanted` takes, whatever its limit.
  void list(const Listing& wanted,
            std::unordered_map<caching::KeyHash, EntrySummary, caching::KeyHashHasher>& entries,
            Cursor& cursor) const;

  [[nodiscard]] std::uint64_t bytes() const { return small_.bytes + main_.bytes; }
  [[nodiscard]] std::uint64_t entries() const { return table_.size(); }
  [[nodiscard]] std::uint64_t evictions() const { return evictions_; }

 private:
  using Hash = caching::KeyHash;
  struct Entry {
    StoredResponsePtr response;
    std::uint64_t size = 0;
    std::uint8_t uses = 0;    // since it entered its queue; counts to 3
    std::uint32_t finds = 0;  // since it was put
  };
  /// The oldest entry is at the front.
  struct Queue {
    std::list<Entry> entries;
    std::uint64_t bytes = 0;
  };
  struct Place {
    Queue* queue;
    std::list<Entry>::iterator entry;
  };
  using Table = std::unordered_map<Hash, Place, caching::KeyHashHasher>;

  [[nodiscard]] std::vector<Hash> next_candidates(const caching::Selection& selection, Cursor& cursor) const;
  void remove(Table::iterator found);
  void append(Queue& queue, Entry entry);
  void move_oldest(Queue& from, Queue& to);
  void drop_oldest(Queue& from);
  void make_room();
  void evict_from_small();
  void evict_from_main();
  void remember(const Hash& hash);

  const std::uint64_t bytes_max_;
  Queue small_;
  Queue main_;
  Table table_;
  /// For purges: the hashes of each account's entries.
  std::unordered_map<std::string, std::unordered_set<Hash, caching::KeyHashHasher>> accounts_;
  std::unordered_set<Hash, caching::KeyHashHasher> ghosts_;
  std::deque<Hash> ghost_order_;  // may name hashes that have left the set
  std::uint64_t evictions_ = 0;
};

}  // namespace roktcached::storage
