#pragma once

#include "server/proxy/fetch/cache_updater.h"
#include "server/proxy/fetch/fetch.h"
#include "server/proxy/fetch/recent_keys.h"

namespace roktcached::proxy {

/// What of a fetch on an http route others may be given (RFC 9111, section 4): an answer that may be stored,
/// once its head has said so, and only to those who would get it from the store. Belongs to the upstream
/// thread.
class HttpSharing {
 public:
  /// Both outlive it.
  HttpSharing(const CacheUpdater& updater, const Clock& clock) : updater_(updater), clock_(clock) {}

  /// The head of what `fetch` brings is known: those who wait may read on with the first, or go on for
  /// themselves.
  void head_is_known(Fetch& fetch, const FetchRequest& request) const;
  /// A reader of the answer that grows; null where it is not what this request would be answered with from
  /// the store, or where its beginning is gone.
  [[nodiscard]] GrowingAnswer::ReaderPtr reader_for(const Fetch& fetch, const FetchRequest& request) const;

  /// Remembers whether the target's answers may be shared.
  /// @param outcome  before it is known whether a purge has come in between
  void note(const FetchRequest& request, const FetchOutcome& outcome);
  /// Whether to wait for the target's answer is in vain, since a minute ago nobody else might be given it.
  [[nodiscard]] bool is_in_vain(const caching::Key& target, SteadyTime now) const {
    return unshared_.has(target.hash(), now);
  }

 private:
  const CacheUpdater& updater_;
  const Clock& clock_;
  RecentKeys unshared_;
};

}  // namespace roktcached::proxy
