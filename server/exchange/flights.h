#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <memory>
#include <unordered_map>

#include "core/caching/freshness.h"
#include "core/caching/key.h"
#include "core/time.h"
#include "server/exchange/outcome.h"
#include "server/exchange/purges.h"
#include "server/exchange/refresh_ahead.h"
#include "server/upstream/upstream.h"
#include "storage/body_account.h"
#include "storage/response_store.h"

namespace roktcached::exchange {

using OutcomePtr = std::shared_ptr<const Outcome>;

/// What a caller of Flights::join gets.
struct Landing {
  OutcomePtr outcome;
  bool collapsed = false;  ///< another request's fetch was shared
  /// The content where outcome->too_large, which is this caller's alone. Null where nobody is to be sent it.
  upstream::LargeContentPtr content;
};

/// Request collapsing: at most one fetch per key is under way, a flight, and everybody who needs its answer
/// waits for it.
///
/// A flight is flown to its end by the request that has started it, whether its client is still there or not,
/// so a client that goes away strands no other. A request shares a flight that is under way, and also one
/// that has landed after the request was received: so a thousand requests that arrive together cause one
/// fetch even where some reach this table late, and a failure fails those who were there once, all together.
///
/// An answer that is larger than upstream.max_response cannot be shared, since it is not kept: its beginning
/// ends the flight, the request that has started it gets the content as it comes, and every other one fetches
/// it for itself. For a minute the requests for such a key do so from the start, and nothing refreshes it
/// behind an answer or ahead.
///
/// A purge reaches what is under way too: what a fetch brings that was begun before the purge had ended is
/// not stored, a request that comes after it joins no such flight, and what was looked up before it is not
/// revalidated. So the purge is announced before the store is purged, and its end after.
///
/// join and refresh_behind may be called on any thread; the table lives on the desk's.
class Flights {
 public:
  /// @param desk     the desk's executor, of one thread
  /// @param helpers  where what takes long is done, on another thread
  /// @param bodies   counts the gzip forms that are made; null: nobody does
  /// The others outlive this object and every coroutine on `desk`.
  Flights(boost::asio::any_io_executor desk, boost::asio::any_io_executor helpers,
          upstream::Upstream& upstream, storage::ResponseStore& store, const Clock& clock,
          storage::BodyAccount* bodies = nullptr);

  /// Waits for the answer to `request`, from a flight under way or a new one. Resumes on the caller's
  /// executor. To be awaited where it is called: that is the thread that it is made for.
  [[nodiscard]] boost::asio::awaitable<Landing> join(FetchRequest&& request);

  /// Whether a request may take its answer from another's fetch.
  enum class Sharing { shared, alone };

  /// Starts what join does, or a fetch that nobody shares, and returns at once: the answer goes into the
  /// request's stream as it comes, and at its end stands in what this returns.
  /// @pre request.upstream.stream
  [[nodiscard]] std::shared_ptr<const Landing> start(FetchRequest request, Sharing sharing);

  /// Starts a flight that nobody waits for, unless one is under way, has landed since the request was
  /// received, or has failed less than a second ago.
  void refresh_behind(FetchRequest request);

  /// Ends what is stored for targets on an http route, variants and all, before this is over. Resumes on the
  /// caller's executor.
  [[nodiscard]] boost::asio::awaitable<void> invalidate(std::vector<caching::Key> targets,
                                                        std::string_view route);

  /// Begins nothing any more that nobody asks for: for the end of the process, on the desk's thread.
  void stop() { ahead_.stop(); }

  /// Purges the store, and keeps out of it what was begun before this returns. Blocks, see
  /// ResponseStore::purge: for a thread that serves nobody. From any thread.
  [[nodiscard]] Result<std::uint64_t> purge(const caching::Purge& purge);

  /// `stored`, which may be null, unless it may have been removed by a purge since `looked_up_at`. From any
  /// thread.
  [[nodiscard]] caching::StoredResponsePtr unless_removed(caching::StoredResponsePtr stored,
                                                          SteadyTime looked_up_at) const;

  /// How many requests have shared another's flight. From any thread.
  [[nodiscard]] std::uint64_t collapsed() const { return collapsed_.load(std::memory_order_relaxed); }
  /// How many refreshes have changed numbers that had been given out of a range that had ended. From any
  /// thread.
  [[nodiscard]] std::uint64_t restatements() const { return restatements_.load(std::memory_order_relaxed); }
  /// How many refreshes were begun before what they refresh had expired. From any thread.
  [[nodiscard]] std::uint64_t refreshed_ahead() const { return ahead_.begun(); }

 private:
  struct Flight;
  using FlightPtr = std::shared_ptr<Flight>;

  boost::asio::awaitable<Landing> join_on_desk(std::unique_ptr<FetchRequest> request);
  boost::asio::awaitable<void> refresh_on_desk(FetchRequest request);
  boost::asio::awaitable<void> refresh_ahead(FetchRequest request);
  boost::asio::awaitable<Landing> fetch(FetchRequest& request);
  [[nodiscard]] bool is_known_as_large(const FetchRequest& request) const;
  void note_size(const FetchRequest& request, const Outcome& outcome);
  void keep(const FetchRequest& request, Outcome& outcome, SteadyTime started_at);
  boost::asio::awaitable<void> fetch_into(std::shared_ptr<Landing> landing, FetchRequest request,
                                          Sharing sharing);
  void drop_outdated(const FetchRequest& request, Outcome& outcome);
  void note_restatement(const caching::StoredResponse& response);
  boost::asio::awaitable<void> invalidate_on_desk(std::vector<caching::Key> targets, std::string_view route);
  void end_stored(const caching::Key& target, std::string_view route);
  [[nodiscard]] bool invalidated_since(const FetchRequest& request, SteadyTime started_at) const;
  FlightPtr take_off(FetchRequest& request, SteadyTime now);
  [[nodiscard]] FlightPtr find_for(const FetchRequest& request) const;
  void land(const FlightPtr& flight, const FetchRequest& request, OutcomePtr outcome);
  void forget_landed(SteadyTime now);

  boost::asio::any_io_executor desk_;
  boost::asio::any_io_executor helpers_;
  upstream::Upstream& upstream_;
  storage::ResponseStore& store_;
  const Clock& clock_;
  storage::BodyAccount* const bodies_;
  Purges purges_;
  RefreshAhead ahead_;
  std::unordered_map<caching::KeyHash, FlightPtr, caching::KeyHashHasher> flights_;
  std::deque<FlightPtr> landed_;  // in the order of their landing
  std::unordered_map<caching::KeyHash, SteadyTime, caching::KeyHashHasher> invalidated_;
  std::unordered_map<caching::KeyHash, SteadyTime, caching::KeyHashHasher> large_until_;
  WallTime last_generation_;
  SteadyTime all_invalidated_at_ = SteadyTime::min();
  std::atomic<std::uint64_t> collapsed_{0};
  std::atomic<std::uint64_t> restatements_{0};
};

}  // namespace roktcached::exchange
