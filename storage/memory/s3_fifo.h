#pragma once

#include <algorithm>
#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/caching/key.h"
#include "storage/memory/key_table.h"
#include "storage/response_store.h"

namespace roktcached::storage {

/// The hashes of the responses that have left a cache last; the oldest is forgotten first. Not thread-safe.
class Ghosts {
 public:
  /// @param most  how many are kept; if it was more before, it takes a while until there are no more than
  ///          that
  void remember(const caching::KeyHash& hash, std::size_t most);
  [[nodiscard]] bool remembers(const caching::KeyHash& hash) const { return find(hash) != nullptr; }
  /// Forgets it. @return whether it was remembered
  bool forget(const caching::KeyHash& hash);

 private:
  struct Ghost : TableNode<Ghost>, boost::intrusive::list_base_hook<> {
    explicit Ghost(const caching::KeyHash& of) : TableNode(of.low), high(of.high) {}
    const std::uint64_t high;
  };

  [[nodiscard]] Ghost* find(const caching::KeyHash& hash) const;
  void erase(Ghost& ghost);

  KeyTable<Ghost> table_;
  boost::intrusive::list<Ghost, boost::intrusive::constant_time_size<false>> order_;
};

/// A bounded set of responses with S3-FIFO eviction (Yang et al., "FIFO queues are all you need for cache
/// eviction", SOSP 2023).
///
/// A newcomer enters a small queue, a tenth of the room. Only what is asked for again while it is there moves
/// to the main queue; the rest leaves, remembered by its hash for a while, and goes to the main queue
/// directly if it comes back. So a scan, such as a nightly export over every campaign, passes through the
/// small queue and never touches what the dashboards use all day. SIEVE is simpler, but by its authors' own
/// account does not withstand scans.
///
/// Every operation is O(1) amortised, and none is long, however many entries there are: tables grow a bucket
/// at a time, and a put gives a bounded number of second chances. (What a put lets go is as large as what it
/// brings.) An entry is one node: in the table, in its queue and in the list of its account.
///
/// Not thread-safe: MemoryStore guards each operation.
class S3Fifo {
 public:
  explicit S3Fifo(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  [[nodiscard]] StoredResponsePtr find(const Key& key);
  /// Keeps a response in the place of an earlier one of this key. One that is larger than the whole room is
  /// not kept, and the earlier one is forgotten all the same.
  /// @param wasted  bytes by which the room is smaller just now
  /// @return stored; too_large_for_cache; no_room if it has gone again to make room
  caching::Storing put(StoredResponsePtr response, std::uint64_t wasted = 0);

  /// Whether to put a newcomer that costs little to read again: if there is room, or if it was here, or was
  /// refused, a while ago. A refusal is remembered.
  [[nodiscard]] bool admits(const StoredResponse& response, std::uint64_t wasted = 0);

  [[nodiscard]] Usage usage_of(const caching::KeyHash& hash) const;

  /// Where a purge or a listing that is done in slices has got to.
  struct Cursor {
    std::size_t bucket = 0;  // of the table, the next
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
  /// Of these, the bodies and their gzip forms.
  [[nodiscard]] std::uint64_t body_bytes() const { return body_bytes_; }
  [[nodiscard]] std::uint64_t entries() const { return table_.size(); }
  [[nodiscard]] std::uint64_t evictions() const { return evictions_; }

 private:
  using Hash = caching::KeyHash;
  using Link = boost::intrusive::list_member_hook<>;
  struct Entry : TableNode<Entry> {
    explicit Entry(StoredResponsePtr of) : TableNode(of->key.hash().low), response(std::move(of)) {}
    Link in_queue;
    Link in_account;
    StoredResponsePtr response;
    std::uint32_t finds = 0;  // since it was put
    std::uint8_t uses = 0;    // since it entered its queue; counts to 3
    bool in_main = false;     // else in the small queue
  };
  template <Link Entry::*link>
  using ListBy = boost::intrusive::list<Entry, boost::intrusive::member_hook<Entry, Link, link>,
                                        boost::intrusive::constant_time_size<false>>;
  /// The oldest entry is at the front.
  struct Queue {
    ListBy<&Entry::in_queue> entries;
    std::uint64_t bytes = 0;
  };
  /// For purges: an account's entries.
  struct Account : TableNode<Account> {
    Account(std::uint64_t hash_of_id, std::string_view of) : TableNode(hash_of_id), id(of) {}
    const caching::Text id;
    ListBy<&Entry::in_account> entries;
    std::size_t size = 0;
  };

  [[nodiscard]] static std::uint64_t size_of(const StoredResponse& response);
  [[nodiscard]] Entry* find_entry(const Hash& hash) const;
  [[nodiscard]] Account* find_account(std::string_view id) const;
  [[nodiscard]] Queue& queue_of(const Entry& entry) { return entry.in_main ? main_ : small_; }

  [[nodiscard]] std::vector<Entry*> next_candidates(const caching::Selection& selection,
                                                    Cursor& cursor) const;
  void add(StoredResponsePtr response, std::uint64_t size, bool to_main, std::uint8_t uses);
  void remove(Entry& entry);
  void move_to_main(Entry& entry);
  [[nodiscard]] std::uint64_t room(std::uint64_t wasted) const {
    return bytes_max_ - std::min(bytes_max_, wasted);
  }
  void make_room(std::uint64_t bytes_left);
  void evict_from_small(int& chances);
  void evict_from_main(int& chances);
  void remember(const Hash& hash);
  void drop(Entry& entry);

  const std::uint64_t bytes_max_;
  // The tables own what the queues and the accounts link, and so are declared before them.
  KeyTable<Entry> table_;
  KeyTable<Account> accounts_;
  Queue small_;
  Queue main_;
  Ghosts ghosts_;
  std::uint64_t body_bytes_ = 0;
  std::uint64_t evictions_ = 0;
};

}  // namespace roktcached::storage
