#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <forward_list>
#include <functional>
#include <map>
#include <string_view>

#include "core/caching/stored_response.h"
#include "core/time.h"
#include "server/proxy/report/fetch_outcome.h"
#include "server/upstream/upstream.h"
#include "storage/response_store.h"

namespace roktcached::proxy {

/// Refreshes what clients ask for again and again shortly before it expires, so that a dashboard's tiles are
/// always warm: see caching::refresh_ahead_at and worth_refreshing_ahead. It does so only while the upstream
/// has nothing better to do, a few at a time. An answer that cannot be refreshed before it expires is left to
/// the next request.
///
/// Remembers the 16,384 answers that fall due next; the one that lives longest is dropped first. Belongs to
/// the upstream thread. A refresh that fails is not repeated.
class RefreshAhead {
 public:
  /// Fetches what the request says, and stores it.
  using Refresh = std::function<boost::asio::awaitable<void>(FetchRequest)>;

  /// The references outlive this object and every coroutine on `upstream_executor`.
  RefreshAhead(boost::asio::any_io_executor upstream_executor, storage::ResponseStore& store,
               const upstream::Upstream& upstream, const Clock& clock, Refresh refresh);

  /// Says that `request` has brought what is stored now.
  /// @param asks  how many requests of clients it has answered
  void has_stored(const FetchRequest& request, const caching::StoredResponse& response, std::uint64_t asks);

  /// Forgets what is expected: it was to be refreshed under settings that are no longer in force.
  void forget_all(std::uint64_t settings_number);

  /// From now on nothing is begun.
  void stop();

  /// Refreshes what is due now, see above; called every second while something is expected.
  void look();

  /// How many have been begun. From any thread.
  [[nodiscard]] std::uint64_t begun() const { return begun_.load(std::memory_order_relaxed); }

 private:
  /// The part of a request that is not in the response that it has brought; the rest of the request is made
  /// again from there.
  struct Expected {
    caching::KeyHash hash;
    std::size_t other_hash = 0;  // of the key's text, by another function: two keys hardly share both
    WallTime fetched_at;         // of what was stored: another time, and it is not that any more
    const caching::FreshnessPolicy* policy = nullptr;
    std::uint32_t asks = 0;
    std::uint32_t credential = 0;
    bool inject_token = true;
    rokt::RouteClass route_class = rokt::RouteClass::report;
    std::string_view route;  // of the table, not of what is stored, which may go before it is used
  };
  using Schedule = std::multimap<WallTime, Expected>;

  [[nodiscard]] const caching::FreshnessPolicy* kept(const caching::FreshnessPolicy& policy);
  void wake_up_later();
  [[nodiscard]] caching::StoredResponsePtr to_refresh(const Expected& expected, WallTime now);
  [[nodiscard]] FetchRequest request_for(const Expected& expected, caching::StoredResponsePtr stored,
                                         SteadyTime looked_up_at) const;
  void begin(FetchRequest request);

  boost::asio::any_io_executor upstream_executor_;
  storage::ResponseStore& store_;
  const upstream::Upstream& upstream_;
  const Clock& clock_;
  const Refresh refresh_;
  Schedule schedule_;                                     // by when they fall due
  std::forward_list<caching::FreshnessPolicy> policies_;  // those that were met: few, the settings' own
  std::uint64_t settings_number_ = 0;  // what was fetched under those of a smaller one is not refreshed ahead
  boost::asio::steady_timer timer_;
  bool timer_runs_ = false;
  bool stopped_ = false;
  std::size_t under_way_ = 0;
  std::atomic<std::uint64_t> begun_{0};
};

}  // namespace roktcached::proxy
