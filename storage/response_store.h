#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/caching/key.h"
#include "core/caching/selection.h"
#include "core/caching/stored_response.h"
#include "core/caching/storing.h"
#include "core/error.h"
#include "core/time.h"
#include "storage/entry_summary.h"

namespace roktcached::storage {

using caching::Key;
using caching::StoredResponse;
using caching::StoredResponsePtr;

/// The state of one tier, and its counters since it was opened.
struct TierStatistics {
  std::string tier;  ///< "memory" or "disk"
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;  ///< keys and heads count
  std::uint64_t bytes_max = 0;
  std::uint64_t body_bytes = 0;  ///< of `bytes`, bodies in memory, gzip forms among them; of the disk: 0
  std::uint64_t evictions = 0;
  std::uint64_t errors = 0;          ///< reads and writes that failed
  std::uint64_t dropped_writes = 0;  ///< writes given up because the queue was full or the disk was
  std::uint64_t queued_writes = 0;
  std::string trouble;  ///< what keeps it from its work now, one line for a person; empty: nothing
};

/// The memory tier's entry for a key, and how much it is asked for.
struct Usage {
  StoredResponsePtr response;  ///< null: nothing
  std::uint64_t finds = 0;     ///< since it was put
};

/// Where responses live. One contract test suite runs against every implementation
/// (tests/unit/storage/response_store_contract.h). All calls are safe from any thread.
class ResponseStore {
 public:
  virtual ~ResponseStore() = default;

  /// The response stored for exactly this key, or null. May block on the disk. Says nothing about freshness.
  /// @param now  when it is used, for the eviction order of tiers that keep one
  /// @return storage_unavailable or storage_corrupt, which a caller treats like a miss; overloaded if there
  ///          is a response, but no room in memory for its body: retryable if something gives way to it
  [[nodiscard]] virtual Result<StoredResponsePtr> find(const Key& key, WallTime now) = 0;

  /// Keeps `response` in place of any earlier one of its key. Never blocks on the disk and never fails: a
  /// response that cannot be kept is counted, and the reason is returned. A find on any thread that begins
  /// after put has returned sees this response, a later one, or nothing. It sees an earlier one only if a
  /// write had to be given up (queue or disk full).
  /// @return stored, too_large_for_cache or no_room
  virtual caching::Storing put(StoredResponsePtr response) = 0;

  /// Purges. A find on any thread that begins after this has returned does not return a response that was put
  /// before and that `purge` selects, also not after the process was killed; after a soft purge it returns
  /// such a response only as stale. A response that is put meanwhile may be purged or not. Blocks on the
  /// disk, for seconds if very many rows go; finds and puts go on meanwhile.
  /// @param now  soft-purged responses are fresh until then at the latest
  /// @return how many were removed or made stale, each counted once however many tiers have it; an error if
  ///          that may not be all of them
  [[nodiscard]] virtual Result<std::uint64_t> purge(const caching::Purge& purge, WallTime now) = 0;

  /// As purge, where another process still has the file that both use, and has purged it: what this one keeps
  /// besides goes at once, and nobody waits for the file. Where no other process has it, this is purge.
  [[nodiscard]] virtual Result<std::uint64_t> purge_after_other(const caching::Purge& purge, WallTime now) {
    return this->purge(purge, now);
  }

  /// Names entries that the selection takes, at most wanted.limit of them, in the order of comes_before as
  /// near as an index gives it. The last moments' puts may be missing. May block on the disk.
  [[nodiscard]] virtual Result<std::vector<EntrySummary>> list(const Listing& wanted) = 0;

  /// The entry that is kept in memory under a key's hash, and how often it has been found. This counts as no
  /// use. Never blocks on the disk.
  [[nodiscard]] virtual Usage usage_of(const caching::KeyHash& hash) = 0;

  /// Blocks until all that was put before has reached the disk, or could not.
  virtual void flush() = 0;

  /// One element a tier, the fastest first.
  [[nodiscard]] virtual std::vector<TierStatistics> statistics() const = 0;
};

}  // namespace roktcached::storage
