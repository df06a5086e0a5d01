#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "server/proxy/fetch/fetch.h"
#include "server/proxy/report/fetch_outcome.h"
#include "server/upstream/limit/turn.h"

namespace roktcached::proxy {

/// The fetches of other instances of a fleet, under way or finished, so that there is one upstream call for
/// all of them. Belongs to the upstream thread.
class SharedFetches {
 public:
  /// The duty to fetch for all instances. Those who wait elsewhere are told at its end.
  class Duty {
   public:
    virtual ~Duty() = default;
    /// Tells the others what the fetch has brought. Waits for nothing.
    /// @param outcome  after it has been stored here, or why not
    virtual void end(const FetchOutcomePtr& outcome) = 0;
  };

  struct Joined {
    /// Another instance has fetched it, or has failed to. Null: it is to be fetched here.
    FetchOutcomePtr outcome = nullptr;
    std::unique_ptr<Duty> duty = nullptr;         ///< with that; null if nobody else is concerned
    caching::StoredResponsePtr stored = nullptr;  ///< an older answer to be revalidated; null: none
  };

  virtual ~SharedFetches() = default;

  /// Takes an answer that another instance has fetched or is fetching, or says that it is to be fetched here.
  /// @param request, turn  outlive the wait, which ends if nobody waits for the answer any more
  [[nodiscard]] virtual boost::asio::awaitable<Joined> join(const FetchRequest& request,
                                                            upstream::Turn& turn) = 0;
};

}  // namespace roktcached::proxy
