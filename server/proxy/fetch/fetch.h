#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "core/caching/key.h"
#include "core/time.h"
#include "server/proxy/report/fetch_outcome.h"
#include "server/upstream/growing_answer.h"
#include "server/upstream/upstream.h"

namespace roktcached::proxy {

using FetchOutcomePtr = std::shared_ptr<const FetchOutcome>;
using upstream::GrowingAnswer;

/// The result of a fetch for one client.
struct FetchResult {
  /// How the fetch has ended. Null if `content` tells that, or look_again or left is set.
  FetchOutcomePtr outcome = nullptr;
  bool look_again = false;  ///< the answer is in the store now
  bool left = false;        ///< the client has gone
  bool collapsed = false;   ///< another request's fetch was shared
  /// An answer that comes in pieces. Together with an outcome it is one that is too large to be kept: only
  /// its content is here, and it is null if nobody is to be sent it. Without an outcome its head comes first.
  GrowingAnswer::ReaderPtr content = nullptr;
  /// Set with `content` and no outcome: if the content ends without a head, the outcome is in here.
  std::shared_ptr<const FetchResult> at_end = nullptr;
};

// The members below belong to the upstream thread.

/// A client that waits for another's fetch.
struct FetchWaiter {
  FetchWaiter(const boost::asio::any_io_executor& executor, const FetchRequest& its_request)
      : timer(executor, SteadyTime::max()), request(its_request) {}
  void call() {
    called = true;
    timer.cancel();
  }

  boost::asio::steady_timer timer;
  const FetchRequest& request;
  bool called = false;      // the fetch has finished, or on an http route its head is known
  FetchOutcomePtr outcome;  // once it has finished
  GrowingAnswer::ReaderPtr reader;
};

/// The result of a fetch for all of its clients.
struct Fetched {
  FetchOutcomePtr outcome;
  upstream::LargeContentPtr large = nullptr;  // on report and metadata routes, where it is too large
};

/// A fetch that is under way or has finished lately, with all who take part in it.
struct Fetch {
  Fetch(caching::Key for_key, SteadyTime now) : key(std::move(for_key)), started_at(now) {}
  [[nodiscard]] bool is_read() const { return growing && growing->has_readers(); }

  const caching::Key key;
  const SteadyTime started_at;
  bool unasked = false;               // runs whether anybody waits for it or not
  bool worth_keeping = false;         // whoever has left
  std::uint64_t asks = 0;             // requests of clients that have waited for it
  std::uint64_t clients = 0;          // that wait for it; one that reads `growing` does not count
  std::vector<FetchWaiter*> waiters;  // of those, all but the one that it runs for
  upstream::Turn turn;
  std::shared_ptr<GrowingAnswer> growing;  // null on report and metadata routes, unless it is too large
  // On an http route, while the answer grows. `head` is what the head says; null if others may not be given
  // the answer. `index` is that of the fields that it varies on, if it does.
  bool head_known = false;
  caching::StoredResponsePtr head;
  caching::StoredResponsePtr index;
  // Once it has finished.
  bool finished = false;
  bool stored = false;
  bool was_there = false;  // another instance of the fleet had fetched it before
  SteadyTime finished_at;
  FetchOutcomePtr outcome;  // where it is remembered
};
using FetchPtr = std::shared_ptr<Fetch>;

/// The fetches that are under way, and for a second those that have finished, for requests that were received
/// before but come late. At most one for each key. Belongs to the upstream thread.
class FetchesByKey {
 public:
  static constexpr std::chrono::seconds kept_for{1};

  /// From here on whoever asks for the same finds it.
  void add(const FetchPtr& fetch) { by_key_[fetch->key.hash()] = fetch; }
  void remove(const FetchPtr& fetch);
  /// Keeps a fetch that has just finished for a while, unless there is no memory for that.
  void keep_for_a_while(const FetchPtr& fetch) noexcept;
  /// Null if there is none.
  [[nodiscard]] FetchPtr find(const caching::Key& key, SteadyTime now);
  /// Lets go of those whose time is over. Every other call does so first.
  void forget_finished(SteadyTime now);
  [[nodiscard]] bool has_finished() const { return !finished_.empty(); }

 private:
  std::unordered_map<caching::KeyHash, FetchPtr, caching::KeyHashHasher> by_key_;
  std::deque<FetchPtr> finished_;  // in the order of their end
};

}  // namespace roktcached::proxy
