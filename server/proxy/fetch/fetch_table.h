#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>

#include "core/caching/warm_template.h"
#include "core/time.h"
#include "server/proxy/fetch/cache_updater.h"
#include "server/proxy/fetch/fetch.h"
#include "server/proxy/fetch/fetcher.h"
#include "server/proxy/fetch/http_sharing.h"
#include "server/proxy/fetch/recent_keys.h"
#include "server/proxy/fetch/refresh_ahead.h"
#include "server/upstream/upstream.h"
#include "storage/body_account.h"
#include "storage/response_store.h"

namespace roktcached::proxy {

/// Request collapsing: at most one fetch of a key is under way. Each client that may share its answer waits
/// for it.
///
/// On report and metadata routes every client may, whatever the answer is. On http routes an answer is shared
/// once its head says that it may be stored and is what the other client would get from the store (RFC 9111,
/// section 4). If the head says no, those who wait go on at once, each for itself, and for a minute nobody
/// waits for that target. A failure to get an answer is shared on all routes.
///
/// A request shares a fetch that is under way. It also shares one that has finished after the request was
/// received. So a thousand requests that arrive together cause one fetch, even if some reach this table late,
/// and a failure fails all of them at once. An answer that was stored at the fetch's end is found in the
/// store.
///
/// An answer that comes in pieces is read by all who share it while it grows, see GrowingAnswer. On an http
/// route that is a large answer, on the others one that is larger than upstream.max_response. A key with such
/// an answer is not refreshed behind or ahead for a minute.
///
/// When the last client that waits for a fetch or reads from it has gone, the fetch is broken off. The fetch
/// of a report goes on, since its answer is worth keeping, until somebody else needs its place. If it was not
/// sent yet, it is not sent.
///
/// A purge also reaches what is under way. If a fetch was begun before the purge had ended, its answer is not
/// stored. A request that comes after the purge joins no such fetch, and an entry that was looked up before
/// it is not revalidated. So the purge is announced before the store is purged, and its end after.
///
/// Any thread may call these functions, unless one says otherwise. The table itself belongs to the upstream
/// thread.
class FetchTable {
 public:
  /// A client's part in the fetch that it waits for, so that it can leave. For the joins of one request.
  class Ticket {
   public:
    explicit Ticket(FetchTable& fetches) : fetches_(fetches) {}

   private:
    friend class FetchTable;
    FetchTable& fetches_;
    // The rest belongs to the upstream thread.
    FetchPtr fetch_;                 // while the client waits
    FetchWaiter* waiter_ = nullptr;  // null for the one whose request the fetch runs for
    bool left_ = false;
  };
  using TicketPtr = std::shared_ptr<Ticket>;

  /// @param upstream_executor  the upstream client's executor, of one thread
  /// @param helpers  where what takes long is done, on another thread
  /// @param max_response  bytes, of a growing answer, that are kept at most
  /// @param shared        what other instances of a fleet fetch; null: there are none
  /// The others outlive this object and every coroutine on `upstream_executor`.
  FetchTable(boost::asio::any_io_executor upstream_executor, boost::asio::any_io_executor helpers,
             upstream::Upstream& upstream, storage::ResponseStore& store, storage::BodyAccount& bodies,
             std::uint64_t max_response, const Clock& clock, SharedFetches* shared = nullptr);

  /// Waits for the answer to `request` on a report or metadata route, from a fetch under way or a new one.
  /// Resumes on the caller's executor. Await it where you call it: it is made for that thread.
  [[nodiscard]] boost::asio::awaitable<FetchResult> join(std::unique_ptr<FetchRequest> request,
                                                         TicketPtr ticket);

  /// Whether a request may take its answer from another's fetch.
  enum class Sharing { shared, alone };

  /// The same on an http route. From a new fetch everything comes as FetchResult::content, interim answers
  /// first.
  [[nodiscard]] boost::asio::awaitable<FetchResult> join_http(FetchRequest&& request, Sharing sharing,
                                                              TicketPtr ticket);

  /// The client has gone that waits with this ticket.
  static void leave(const TicketPtr& ticket);

  /// Starts a fetch that nobody waits for, unless one is under way, has finished since the request was
  /// received, or has failed less than a second ago.
  void refresh_behind(FetchRequest request);

  /// Ends what is stored for targets on an http route, all variants included, before this returns. Resumes on
  /// the caller's executor.
  [[nodiscard]] boost::asio::awaitable<void> invalidate(std::vector<caching::Key> targets,
                                                        std::string_view route);

  /// Sets the function that is called for each request of a client on a report or query route that the cache
  /// alone could not answer, once its answer is stored. It is called on the upstream thread; set it before
  /// that runs.
  void when_asked(std::function<void(const caching::Key&, const caching::Ask&)> asked) {
    asked_ = std::move(asked);
  }

  /// Sets the function that is called with each target on an http route that a write has ended. It is called
  /// on the upstream thread; set it before that runs.
  void when_ended(std::function<void(const caching::Key& target)> told) { ended_ = std::move(told); }

  /// Sets the function that does the same in another process with the same cache, for each write that ends
  /// something. The write is answered once that is over. It is called on the upstream thread; set it before
  /// that runs.
  void when_ended_elsewhere(
      std::function<boost::asio::awaitable<void>(std::vector<caching::Key> targets, std::string route)>
          tell) {
    end_elsewhere_ = std::move(tell);
  }

  /// Another process says that a write has ended what is stored for these: it ends here, too, and nobody is
  /// told again. Resumes on the caller's executor.
  [[nodiscard]] boost::asio::awaitable<void> end_as_told(std::vector<caching::Key> targets,
                                                         std::string route);

  /// Goes on under other settings, on the upstream thread. Refreshes that were planned under earlier ones are
  /// forgotten.
  /// @param max_response  as for the constructor
  void change(std::uint64_t max_response, std::uint64_t settings_number) {
    max_response_ = max_response;
    ahead_.forget_all(settings_number);
  }

  /// Begins no fetch any more that nobody asks for. For the end of the process, on the upstream thread.
  void stop() {
    ahead_.stop();
    stopped_ = true;
    forget_timer_.cancel();
  }

  /// Lets go of fetches that have finished more than a second ago. It does so itself with each request, and a
  /// second after a fetch has finished. On the upstream thread.
  void forget_finished() { fetches_.forget_finished(clock_.steady_now()); }

  /// As CacheUpdater::purge: for a thread that serves nobody.
  [[nodiscard]] Result<std::uint64_t> purge(const caching::Purge& purge) { return updater_.purge(purge); }
  /// As CacheUpdater::purge_after_other: likewise.
  [[nodiscard]] Result<std::uint64_t> purge_after_other(const caching::Purge& purge) {
    return updater_.purge_after_other(purge);
  }

  /// As CacheUpdater::unless_removed.
  [[nodiscard]] caching::StoredResponsePtr unless_removed(caching::StoredResponsePtr stored,
                                                          SteadyTime looked_up_at) const {
    return updater_.unless_removed(std::move(stored), looked_up_at);
  }

  /// How many requests have shared another's fetch.
  [[nodiscard]] std::uint64_t collapsed() const { return collapsed_.load(std::memory_order_relaxed); }
  /// As CacheUpdater::not_stored.
  [[nodiscard]] NotStored not_stored() const { return updater_.not_stored(); }
  [[nodiscard]] std::uint64_t restatements() const { return updater_.restatements(); }
  /// How many refreshes were begun before what they refresh had expired.
  [[nodiscard]] std::uint64_t refreshed_ahead() const { return ahead_.begun(); }

 private:
  /// The duty to run a fetch and to finish it: everybody who waits for it is answered, whatever happens.
  class OwnFetch {
   public:
    OwnFetch(FetchTable& fetches, FetchPtr fetch) : fetches_(&fetches), fetch_(std::move(fetch)) {}
    OwnFetch(OwnFetch&& other) noexcept = default;
    OwnFetch& operator=(OwnFetch&& other) = delete;
    ~OwnFetch() {
      if (fetch_ && !fetch_->finished) fetches_->fail(fetch_);
    }
    [[nodiscard]] const FetchPtr& get() const { return fetch_; }
    [[nodiscard]] Fetch* operator->() const { return fetch_.get(); }

   private:
    FetchTable* fetches_;
    FetchPtr fetch_;
  };

  [[nodiscard]] boost::asio::awaitable<FetchResult> join_on_upstream_thread(
      std::unique_ptr<FetchRequest> request, TicketPtr ticket);
  boost::asio::awaitable<FetchResult> join_from_other_thread(std::unique_ptr<FetchRequest> request,
                                                             TicketPtr ticket);
  boost::asio::awaitable<FetchResult> share(std::unique_ptr<FetchRequest> request, TicketPtr ticket);
  boost::asio::awaitable<FetchResult> join_http_on_upstream_thread(std::unique_ptr<FetchRequest> request,
                                                                   Sharing sharing, TicketPtr ticket);
  boost::asio::awaitable<void> wait_for(FetchPtr fetch, FetchWaiter& waiter, Ticket& ticket);
  boost::asio::awaitable<FetchResult> lead(OwnFetch fetch, std::unique_ptr<FetchRequest> request,
                                           TicketPtr ticket);
  [[nodiscard]] FetchResult lead_http(OwnFetch fetch, FetchRequest request);
  boost::asio::awaitable<void> run_http(OwnFetch fetch, FetchRequest request,
                                        std::shared_ptr<FetchResult> at_end);
  boost::asio::awaitable<void> refresh_on_upstream_thread(FetchRequest request);
  boost::asio::awaitable<void> refresh_ahead(FetchRequest request);
  boost::asio::awaitable<void> run_unasked(FetchRequest request);
  boost::asio::awaitable<void> invalidate_on_upstream_thread(std::vector<caching::Key> targets,
                                                             std::string_view route);
  [[nodiscard]] OwnFetch start(FetchRequest& request, SteadyTime now);
  void fail(const FetchPtr& fetch) noexcept;
  [[nodiscard]] FetchPtr find_for(const FetchRequest& request, SteadyTime now);
  void finish(const FetchPtr& fetch, const FetchRequest& request, const Fetched& fetched);
  void forget_later() noexcept;
  void learn_later(FetchPtr fetch, std::unique_ptr<FetchRequest> request, FetchOutcomePtr outcome);
  void learn(const Fetch& fetch, const FetchRequest& request, const FetchOutcome& outcome);
  void tell_who_asked(const Fetch& fetch, const FetchRequest& request, const FetchOutcome& outcome) const;
  void break_off_if_unwanted(const FetchPtr& fetch);

  boost::asio::any_io_executor upstream_executor_;
  storage::BodyAccount& bodies_;
  std::uint64_t max_response_;
  const Clock& clock_;
  CacheUpdater updater_;
  HttpSharing sharing_;
  Fetcher fetcher_;
  RefreshAhead ahead_;
  FetchesByKey fetches_;
  boost::asio::steady_timer forget_timer_;
  bool forgets_later_ = false;
  bool stopped_ = false;
  RecentKeys large_;  // keys whose answer was larger than upstream.max_response
  std::function<void(const caching::Key&, const caching::Ask&)> asked_;  // may be null
  std::function<void(const caching::Key&)> ended_;                       // may be null
  std::function<boost::asio::awaitable<void>(std::vector<caching::Key>, std::string)>
      end_elsewhere_;  // may be null
  std::atomic<std::uint64_t> collapsed_{0};
};

}  // namespace roktcached::proxy
