#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "core/time.h"
#include "server/proxy/fetch/cache_updater.h"
#include "server/proxy/fetch/fetch.h"
#include "server/proxy/fetch/http_sharing.h"
#include "server/proxy/fetch/shared_fetches.h"
#include "server/upstream/upstream.h"
#include "storage/body_account.h"

namespace roktcached::proxy {

/// The error of a fetch that has ended by an exception.
[[nodiscard]] Error fetch_failure();

/// Whether a fetch was broken off because nobody waited for it any more. Then it says nothing about the
/// upstream.
[[nodiscard]] bool was_broken_off(const FetchOutcome& outcome);

/// One fetch from its request to the store: asks the upstream, judges the answer, prepares it for all who
/// will be sent it, and puts it into the store. Belongs to the upstream thread.
class Fetcher {
 public:
  /// @param helpers  where what takes long is done, on another thread
  /// @param shared   what other instances fetch; null: there are none
  /// All references outlive it.
  Fetcher(boost::asio::any_io_executor helpers, upstream::Upstream& upstream, storage::BodyAccount& bodies,
          CacheUpdater& updater, HttpSharing& sharing, const Clock& clock, SharedFetches* shared = nullptr);

  /// @param request  gets the conditions that ask about what is stored; outlives the coroutine
  [[nodiscard]] boost::asio::awaitable<Fetched> run(FetchPtr fetch, FetchRequest& request);

  /// The outcome of a fetch that has ended by an exception. It was made in advance, since memory may be short
  /// then.
  [[nodiscard]] const FetchOutcomePtr& failed() const { return failed_; }

 private:
  [[nodiscard]] boost::asio::awaitable<Fetched> run_for_all(FetchPtr fetch, FetchRequest& request);
  [[nodiscard]] boost::asio::awaitable<Fetched> run_here(FetchPtr fetch, FetchRequest& request);
  [[nodiscard]] boost::asio::awaitable<Fetched> take(FetchPtr fetch, const FetchRequest& request,
                                                     FetchOutcomePtr outcome);

  const boost::asio::any_io_executor helpers_;
  upstream::Upstream& upstream_;
  storage::BodyAccount& bodies_;
  CacheUpdater& updater_;
  HttpSharing& sharing_;
  const Clock& clock_;
  SharedFetches* const shared_;
  const FetchOutcomePtr failed_;
};

}  // namespace roktcached::proxy
