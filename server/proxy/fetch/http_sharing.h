#pragma once

#include "server/proxy/fetch/cache_updater.h"
#include "server/proxy/fetch/fetch.h"
#include "server/proxy/fetch/recent_keys.h"

namespace roktcached::proxy {

/// Decides who may share the answer of a fetch on an http route (RFC 9111, section 4). The answer must be one
/// that may be stored, once its head has said so, and only those share it who would get it from the store.
/// Belongs to the upstream thread.
class HttpSharing {
 public:
  /// Both outlive it.
  HttpSharing(const CacheUpdater& updater, const Clock& clock) : updater_(updater), clock_(clock) {}

  /// The head of the fetch's answer is known: those who wait read on with the first one, or go on for
  /// themselves.
  void head_is_known(Fetch& fetch, const FetchRequest& request) const;
  /// A reader of the growing answer. Null if this request would not get this answer from the store, or if the
  /// beginning of the answer is gone.
  [[nodiscard]] GrowingAnswer::ReaderPtr reader_for(const Fetch& fetch, const FetchRequest& request) const;

  /// Remembers whether the target's answers may be shared.
  /// @param outcome  before it is known whether a purge has come in between
  void note(const FetchRequest& request, const FetchOutcome& outcome);
  /// Whether it is of no use to wait for the target's answer: within the last minute, others could not be
  /// given it.
  [[nodiscard]] bool is_in_vain(const caching::Key& target, SteadyTime now) const {
    return unshared_.has(target.hash(), now);
  }

 private:
  const CacheUpdater& updater_;
  const Clock& clock_;
  RecentKeys unshared_;
};

}  // namespace roktcached::proxy
