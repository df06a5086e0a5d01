#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "core/caching/key.h"
#include "core/caching/selection.h"
#include "core/caching/stored_response.h"
#include "core/caching/storing.h"
#include "core/time.h"
#include "server/counters/counter.h"
#include "server/proxy/fetch/purges.h"
#include "server/proxy/report/fetch_outcome.h"
#include "storage/response_store.h"

namespace roktcached::proxy {

/// How many answers of fetches were not stored, by the reason; the element of `stored` is 0.
using NotStored = std::array<std::uint64_t, caching::storing_count>;

/// Puts into the store what fetches bring, unless a purge or an invalidation has come in between. Belongs to
/// the upstream thread, but for what says otherwise.
class CacheUpdater {
 public:
  /// All outlive it.
  CacheUpdater(storage::ResponseStore& store, const Clock& clock)
      : store_(store), clock_(clock), purges_(clock) {}

  /// Puts into the store what `outcome` says, and sets in it whether it was stored, or why not. First it ends
  /// what the answer makes invalid.
  /// @param started_at  when the fetch began
  void keep(const FetchRequest& request, FetchOutcome& outcome, SteadyTime started_at);

  /// Ends what is stored for a target on an http route, variants and all, and keeps fetches that are under
  /// way from bringing it back.
  void end_stored(const caching::Key& target, std::string_view route);
  /// Whether the target of `request`, on an http route, has been ended since then, by a write.
  [[nodiscard]] bool ended_since(const FetchRequest& request, SteadyTime started_at) const;

  /// Purges the store. Answers of fetches that were begun before this returns are kept out of it. Blocks, see
  /// ResponseStore::purge. From any thread.
  [[nodiscard]] Result<std::uint64_t> purge(const caching::Purge& purge);
  /// The same, by ResponseStore::purge_after_other.
  [[nodiscard]] Result<std::uint64_t> purge_after_other(const caching::Purge& purge);
  /// Whether a purge of what `request` asks for has ended since `from`, and before the request came. From any
  /// thread.
  [[nodiscard]] bool purged_between(const FetchRequest& request, SteadyTime from) const;
  /// `stored`, which may be null; null if a purge may have removed it since `looked_up_at`. From any thread.
  [[nodiscard]] caching::StoredResponsePtr unless_removed(caching::StoredResponsePtr stored,
                                                          SteadyTime looked_up_at) const;

  /// How many fetches have brought nothing into the store. From any thread.
  [[nodiscard]] NotStored not_stored() const;

  /// How many refreshes have changed numbers that had been given out of a range that had ended. From any
  /// thread.
  [[nodiscard]] std::uint64_t restatements() const { return restatements_.load(std::memory_order_relaxed); }

 private:
  void drop_outdated(const FetchRequest& request, FetchOutcome& outcome);
  void note_restatement(const caching::StoredResponse& response);

  storage::ResponseStore& store_;
  const Clock& clock_;
  Purges purges_;
  std::unordered_map<caching::KeyHash, SteadyTime, caching::KeyHashHasher> invalidated_;
  SteadyTime all_invalidated_at_ = SteadyTime::min();
  WallTime last_generation_;
  std::atomic<std::uint64_t> restatements_{0};
  std::array<Counter, caching::storing_count> not_stored_;
};

}  // namespace roktcached::proxy
