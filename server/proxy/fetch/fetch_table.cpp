#include "server/proxy/fetch/fetch_table.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include "server/asio.h"
#include "server/background.h"
#include "server/proxy/fetch/large_answer.h"
#include "server/worker_pool.h"

namespace roktcached::proxy {

namespace {

/// A finished fetch remembers an answer that is not in the store up to this size.
constexpr std::size_t max_remembered = std::size_t{64} << 10;

/// Whether requests that come late get the outcome of a finished fetch from here. A stored answer they find
/// in the store.
bool is_remembered(const FetchRequest& request, const FetchOutcome& outcome) {
  if (outcome.stored()) return false;
  if (outcome.failure) return true;
  return !request.http && outcome.response->body->size() <= max_remembered;
}

}  // namespace

FetchTable::FetchTable(asio::any_io_executor upstream_executor, asio::any_io_executor helpers,
                       upstream::Upstream& upstream, storage::ResponseStore& store,
                       storage::BodyAccount& bodies, std::uint64_t max_response, const Clock& clock,
                       SharedFetches* shared)
    : upstream_executor_(std::move(upstream_executor)),
      bodies_(bodies),
      max_response_(max_response),
      clock_(clock),
      updater_(store, clock),
      sharing_(updater_, clock),
      fetcher_(std::move(helpers), upstream, bodies, updater_, sharing_, clock, shared),
      ahead_(upstream_executor_, store, upstream, clock,
             [this](FetchRequest request) { return refresh_ahead(std::move(request)); }),
      forget_timer_(upstream_executor_) {}

asio::awaitable<FetchResult> FetchTable::join(std::unique_ptr<FetchRequest> request, TicketPtr ticket) {
  if (runs_here(upstream_executor_)) return join_on_upstream_thread(std::move(request), std::move(ticket));
  return asio::co_spawn(upstream_executor_, join_from_other_thread(std::move(request), std::move(ticket)),
                        asio::use_awaitable);
}

asio::awaitable<FetchResult> FetchTable::join_from_other_thread(std::unique_ptr<FetchRequest> request,
                                                                TicketPtr ticket) {
  auto joined = join_on_upstream_thread(std::move(request), std::move(ticket));
  FetchResult result = co_await std::move(joined);
  co_return result;
}

asio::awaitable<void> FetchTable::invalidate(std::vector<caching::Key> targets, std::string_view route) {
  return asio::co_spawn(upstream_executor_, invalidate_on_upstream_thread(std::move(targets), route),
                        asio::use_awaitable);
}

asio::awaitable<void> FetchTable::invalidate_on_upstream_thread(std::vector<caching::Key> targets,
                                                                std::string_view route) {
  for (const auto& target : targets) {
    updater_.end_stored(target, route);
    if (ended_) ended_(target);
  }
  if (!end_elsewhere_) co_return;
  auto told = end_elsewhere_(std::move(targets), std::string(route));
  co_await std::move(told);
}

asio::awaitable<void> FetchTable::end_as_told(std::vector<caching::Key> targets, std::string route) {
  const auto work = [this, targets = std::move(targets), route = std::move(route)] {
    for (const auto& target : targets) updater_.end_stored(target, route);
  };
  co_await run_on(upstream_executor_, work);
}

void FetchTable::leave(const TicketPtr& ticket) {
  asio::post(ticket->fetches_.upstream_executor_, [ticket] {
    if (std::exchange(ticket->left_, true) || !ticket->fetch_) return;
    if (ticket->waiter_ != nullptr) ticket->waiter_->timer.cancel();
    --ticket->fetch_->clients;
    ticket->fetches_.break_off_if_unwanted(ticket->fetch_);
  });
}

void FetchTable::break_off_if_unwanted(const FetchPtr& fetch) {
  if (fetch->finished || fetch->unasked || fetch->clients > 0 || fetch->is_read()) return;
  const bool worth_having = fetch->growing && fetch->growing->worth_having();
  if (fetch->worth_keeping || worth_having) return fetch->turn.set_unattended(true);
  fetches_.remove(fetch);
  fetch->turn.abandon();
}

void FetchTable::refresh_behind(FetchRequest request) {
  request.upstream.priority = upstream::Priority::revalidation;
  request.upstream.reason = counters::Reason::revalidation;
  // Posted even if this is the upstream thread, so that the answer goes first.
  asio::post(upstream_executor_, [this, request = std::move(request)]() mutable {
    asio::co_spawn(upstream_executor_, refresh_on_upstream_thread(std::move(request)),
                   logging_failure("refreshing behind an answer"));
  });
}

/// No coroutine itself: most requests find no fetch, and are to have no frame more for that.
asio::awaitable<FetchResult> FetchTable::join_on_upstream_thread(std::unique_ptr<FetchRequest> request,
                                                                 TicketPtr ticket) {
  const SteadyTime now = clock_.steady_now();
  if (ticket->left_ || find_for(*request, now)) return share(std::move(request), std::move(ticket));
  OwnFetch mine = start(*request, now);
  fetches_.add(mine.get());
  return lead(std::move(mine), std::move(request), std::move(ticket));
}

/// Waits for the fetches of others, as long as there is one, or gives up where the client has left.
asio::awaitable<FetchResult> FetchTable::share(std::unique_ptr<FetchRequest> request, TicketPtr ticket) {
  while (!ticket->left_) {
    const FetchPtr fetch = find_for(*request, clock_.steady_now());
    bool too_late = !fetch;
    FetchWaiter waiter(upstream_executor_, *request);
    if (fetch) {
      collapsed_.fetch_add(1, std::memory_order_relaxed);
      if (!fetch->finished) {
        co_await wait_for(fetch, waiter, *ticket);
      } else {
        waiter.outcome = fetch->outcome;
        if (waiter.outcome && waiter.outcome->too_large() && fetch->growing)
          waiter.reader = fetch->growing->attach();
      }
      if (ticket->left_) break;
      if (fetch->was_there && !request->takes_stored) continue;  // a new one is wanted
      if (fetch->stored)
        co_return FetchResult{.outcome = waiter.outcome, .look_again = !waiter.outcome, .collapsed = true};
      if (was_broken_off(*waiter.outcome)) continue;
      too_late = waiter.outcome->too_large() && !waiter.reader;  // for its beginning
    }
    if (too_late) {
      OwnFetch mine = start(*request, clock_.steady_now());
      fetches_.add(mine.get());
      auto led = lead(std::move(mine), std::move(request), std::move(ticket));
      FetchResult result = co_await std::move(led);
      co_return result;
    }
    co_return FetchResult{.outcome = waiter.outcome, .collapsed = true, .content = std::move(waiter.reader)};
  }
  co_return FetchResult{.left = true};
}

/// Fetches, as the one whose request the fetch runs for.
asio::awaitable<FetchResult> FetchTable::lead(OwnFetch fetch, std::unique_ptr<FetchRequest> request,
                                              TicketPtr ticket) {
  fetch->worth_keeping = true;
  fetch->asks = fetch->clients = 1;
  ticket->fetch_ = fetch.get();
  const Fetched fetched = co_await fetcher_.run(fetch.get(), *request);
  ticket->fetch_.reset();
  FetchResult result{.outcome = fetched.outcome, .left = ticket->left_};
  if (fetched.large) {
    fetch->growing =
        GrowingAnswer::make(upstream_executor_, bodies_, {max_response_}, GrowingAnswer::Keep::part);
    if (!result.left) result.content = fetch->growing->attach();
  }
  finish(fetch.get(), *request, fetched);
  learn_later(fetch.get(), std::move(request), fetched.outcome);
  co_return result;
}

/// Waits until the fetch has finished, until its head is known where that may be enough, or until the client
/// has left.
asio::awaitable<void> FetchTable::wait_for(FetchPtr fetch, FetchWaiter& waiter, Ticket& ticket) {
  struct Seat {  // also where this ends with an exception
    Seat(FetchPtr its_fetch, FetchWaiter& its_waiter, Ticket& its_ticket)
        : fetch(std::move(its_fetch)), waiter(its_waiter), ticket(its_ticket) {
      fetch->waiters.push_back(&waiter);
      ++fetch->clients;
      ++fetch->asks;
      ticket.fetch_ = fetch;
      ticket.waiter_ = &waiter;
    }
    ~Seat() {
      std::erase(fetch->waiters, &waiter);
      if (!ticket.left_) --fetch->clients;
      ticket.fetch_.reset();
      ticket.waiter_ = nullptr;
    }
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;
    const FetchPtr fetch;
    FetchWaiter& waiter;
    Ticket& ticket;
  };
  {
    const Seat seat(fetch, waiter, ticket);
    const upstream::UpstreamRequest& asks = waiter.request.upstream;
    fetch->turn.join({asks.client, asks.priority}, clock_.steady_now());
    fetch->turn.set_unattended(false);
    while (!waiter.called && !ticket.left_) co_await waiter.timer.async_wait(as_result);
  }
  break_off_if_unwanted(fetch);  // it may have been the last, and go on for itself
}

asio::awaitable<void> FetchTable::refresh_on_upstream_thread(FetchRequest request) {
  const SteadyTime now = clock_.steady_now();
  const FetchPtr found = fetches_.find(request.key, now);
  // While the upstream fails, every stale answer would try again behind it: once a second is enough.
  const bool failed_just_now = found && found->finished && !found->stored;
  if (find_for(request, now) || failed_just_now || large_.has(request.key.hash(), now)) co_return;
  co_await run_unasked(std::move(request));
}

/// Ends when the refresh has; where another fetch of the key is under way there is nothing to do.
asio::awaitable<void> FetchTable::refresh_ahead(FetchRequest request) {
  request.upstream.priority = upstream::Priority::refresh_ahead;
  request.upstream.reason = counters::Reason::refresh_ahead;
  request.upstream.client.clear();
  const SteadyTime now = clock_.steady_now();
  if (find_for(request, now) || large_.has(request.key.hash(), now)) co_return;
  co_await run_unasked(std::move(request));
}

asio::awaitable<void> FetchTable::run_unasked(FetchRequest request) {
  const OwnFetch fetch = start(request, clock_.steady_now());
  fetch->unasked = true;
  fetches_.add(fetch.get());
  const Fetched fetched = co_await fetcher_.run(fetch.get(), request);
  if (fetched.large && !fetch->waiters.empty())
    fetch->growing =
        GrowingAnswer::make(upstream_executor_, bodies_, {max_response_}, GrowingAnswer::Keep::part);
  // An answer that nobody reads is broken off when it becomes too large to be kept.
  if (was_broken_off(*fetched.outcome)) large_.add(request.key.hash(), clock_.steady_now());
  finish(fetch.get(), request, fetched);
  learn(*fetch.get(), request, *fetched.outcome);
}

/// The fetch that `request` may share: one under way, or one that has finished since the request came. A
/// fetch that started before a purge does not count if the request came after that purge.
FetchPtr FetchTable::find_for(const FetchRequest& request, SteadyTime now) {
  FetchPtr fetch = fetches_.find(request.key, now);
  if (!fetch) return nullptr;
  const bool tells_something = !fetch->finished || fetch->stored || fetch->outcome;
  const bool in_time = !fetch->finished || request.received_at <= fetch->finished_at;
  const bool new_enough = !fetch->was_there || request.takes_stored;
  if (!tells_something || !in_time || !new_enough || updater_.purged_between(request, fetch->started_at))
    return nullptr;
  return fetch;
}

/// A new fetch, for which its owner is to fetch at once.
FetchTable::OwnFetch FetchTable::start(FetchRequest& request, SteadyTime now) {
  OwnFetch fetch(*this, std::make_shared<Fetch>(request.key, now));
  request.upstream.turn = {fetch.get(), &fetch->turn};
  if (!request.http) return fetch;
  fetch->growing =
      GrowingAnswer::make(upstream_executor_, bodies_, {max_response_}, GrowingAnswer::Keep::whole);
  fetch->growing->when_unread([this, weak = std::weak_ptr(fetch.get())] {
    if (const FetchPtr unread = weak.lock()) break_off_if_unwanted(unread);
  });
  request.upstream.stream = fetch->growing;
  return fetch;
}

/// An exception has ended the fetch.
void FetchTable::fail(const FetchPtr& fetch) noexcept {
  fetch->finished = true;
  fetches_.remove(fetch);
  for (FetchWaiter* const waiter : fetch->waiters) {
    waiter->outcome = fetcher_.failed();
    waiter->call();
  }
  try {
    if (fetch->growing) fetch->growing->end(fetch_failure());
  } catch (...) {  // who reads it looks again before long
    logging_failure("fetching")(std::current_exception());
  }
}

void FetchTable::finish(const FetchPtr& fetch, const FetchRequest& request, const Fetched& fetched) {
  const FetchOutcome& outcome = *fetched.outcome;
  if (ended_) std::ranges::for_each(outcome.invalidated, ended_);
  // Set before anybody is told: a client that was answered may ask again at once, and must get an answer of
  // its own.
  fetch->finished_at = clock_.steady_now();
  fetch->stored = outcome.stored();
  fetch->was_there = outcome.was_there;
  for (FetchWaiter* const waiter : fetch->waiters) {
    waiter->outcome = fetched.outcome;
    if (fetched.large) waiter->reader = fetch->growing->attach();
    waiter->call();
  }
  if (fetched.large && fetch->is_read()) {
    pass_large_answer_on(upstream_executor_, fetch->growing, fetched.large);
  } else if (fetched.large && fetch->growing) {
    fetched.large->close();
    fetch->growing.reset();  // nobody may wait for what does not come
  }
  if (request.http) {
    std::optional<Error> error;
    if (outcome.failure) error = outcome.failure->error;
    fetch->growing->end(std::move(error));
    fetch->growing.reset();  // it is whole in the store, or nobody's but those who read it
  }
  fetch->finished = true;  // not before everybody has been told
  if (was_broken_off(outcome)) return fetches_.remove(fetch);
  if (is_remembered(request, outcome)) fetch->outcome = fetched.outcome;
  fetches_.keep_for_a_while(fetch);  // before anything can throw
  forget_later();
  if (!request.http) {
    const caching::KeyHash hash = fetch->key.hash();
    outcome.too_large() ? large_.add(hash, fetch->finished_at) : large_.remove(hash);
  }
}

/// After the answer of the client that waits, which is not to wait for that.
void FetchTable::learn_later(FetchPtr fetch, std::unique_ptr<FetchRequest> request, FetchOutcomePtr outcome) {
  if (!outcome->stored()) return;
  try {
    asio::post(upstream_executor_, [this, fetch = std::move(fetch), request = std::move(request),
                                    outcome = std::move(outcome)] { learn(*fetch, *request, *outcome); });
  } catch (...) {
    log_failure("learning from a fetch", std::current_exception());
  }
}

/// Learns from a fetch what to refresh ahead, and what to warm.
void FetchTable::learn(const Fetch& fetch, const FetchRequest& request, const FetchOutcome& outcome) {
  if (!outcome.stored()) return;
  ahead_.has_stored(request, *outcome.response, fetch.asks);
  tell_who_asked(fetch, request, outcome);
}

/// Outcomes go in time also where nobody asks for anything any more. Without memory for that, they go with
/// the next request.
void FetchTable::forget_later() noexcept {
  if (forgets_later_ || stopped_ || !fetches_.has_finished()) return;
  try {
    forget_timer_.expires_after(FetchesByKey::kept_for);
    forget_timer_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      forgets_later_ = false;
      forget_finished();
      forget_later();
    });
    forgets_later_ = true;
  } catch (...) {
    logging_failure("forgetting fetches")(std::current_exception());
  }
}

/// Refreshes ahead and warming ask for nobody; clients may share their fetches all the same.
void FetchTable::tell_who_asked(const Fetch& fetch, const FetchRequest& request,
                                const FetchOutcome& outcome) const {
  const bool has_dates =
      request.route_class == rokt::RouteClass::report || request.route_class == rokt::RouteClass::query;
  if (!asked_ || !has_dates || outcome.response->status != 200) return;
  const bool for_nobody = request.upstream.reason == counters::Reason::refresh_ahead;
  const bool behind = fetch.unasked && !for_nobody;
  const std::uint64_t own =
      for_nobody && !fetch.unasked ? 1 : 0;  // warming waits for its fetch as a client does
  if (!behind && fetch.asks <= own) return;
  const caching::StoredResponse& response = *outcome.response;
  asked_(fetch.key, {response.fresh_until - response.fetched_at, behind});
}

}  // namespace roktcached::proxy
