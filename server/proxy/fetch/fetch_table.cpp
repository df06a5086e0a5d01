#include "server/proxy/fetch/fetch_table.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "core/caching/http_rules.h"
#include "core/caching/variants.h"
#include "core/http/cache_control.h"
#include "server/asio.h"
#include "server/background.h"
#include "server/proxy/http/http_fetch_outcome.h"
#include "server/proxy/prepared.h"
#include "server/proxy/report/report_body.h"
#include "server/run_on.h"

namespace roktcached::proxy {

namespace {

/// How long a finished fetch is remembered for requests that were there before it finished but come late.
constexpr std::chrono::seconds memory_of_finished{1};
constexpr std::size_t max_finished = 1024;
/// A finished fetch remembers an answer that is not in the store up to this size.
constexpr std::size_t max_remembered = std::size_t{64} << 10;

/// The conditions that ask the upstream whether what is stored still holds (RFC 9111, section 4.3.1).
void add_validators(FetchRequest& request) {
  if (!request.stored) return;
  http::Fields& fields = request.upstream.fields;
  if (!request.http) {
    const std::string_view validator = request.stored->validator;
    if (validator.empty()) return;
    const auto colon = validator.find(": ");
    return fields.add(validator.substr(0, colon), validator.substr(colon + 2));
  }
  const bool retrieves = request.http->method == "GET" || request.http->method == "HEAD";
  if (!retrieves) return;
  const http::Fields stored = http::Fields::from_lines(request.stored->head);
  if (const auto tag = stored.find("ETag")) fields.add("If-None-Match", *tag);
  if (const auto modified = stored.find("Last-Modified")) fields.add("If-Modified-Since", *modified);
}

/// Makes once what all who will be sent what has come have in common.
void prepare(FetchOutcome& outcome, storage::BodyAccount* bodies) {
  if (!outcome.response) return;
  const caching::StoredResponsePtr plain = outcome.response;
  outcome.response = prepared(plain, bodies);
  std::ranges::replace(outcome.to_store, plain, outcome.response);
}

Error failure() {
  return {ErrorCode::internal, ErrorSource::exchange, true, "the fetch failed"};
}

FetchOutcomePtr failed_fetch() {
  auto outcome = std::make_shared<FetchOutcome>();
  outcome->failure = {failure(), std::nullopt};
  return outcome;
}

/// What is made of an answer, for the one who asked and for the store.
FetchOutcome judged_and_prepared(const FetchRequest& request, upstream::UpstreamResult&& result, WallTime now,
                                 storage::BodyAccount* bodies) {
  if (request.http) return judge_http(request, std::move(result), now);
  FetchOutcome outcome = judge(request, std::move(result));
  prepare(outcome, bodies);
  return outcome;
}

/// Whether nobody waited for it any more: it says nothing about the upstream, nor to anybody.
bool was_broken_off(const FetchOutcome& outcome) {
  return outcome.failure && outcome.failure->error.code == ErrorCode::client_gone;
}

/// What those who come late may still be told of a fetch that has finished. What is stored is in the store.
bool is_remembered(const FetchRequest& request, const FetchOutcome& outcome) {
  if (outcome.stored()) return false;
  if (outcome.failure) return true;
  return !request.http && outcome.response->body->size() <= max_remembered;
}

/// Hands the content on to all who read it, and tells its end from a loss where nothing else does.
asio::awaitable<void> pass_on(std::shared_ptr<GrowingAnswer> growing, upstream::LargeContentPtr content) {
  std::optional<ReportBodyReader> json;
  if (content->may_be_cut()) json.emplace();
  std::optional<Error> error;
  while (!error) {
    Result<std::string> piece = co_await content->next();
    if (!piece) error = piece.error();
    if (!piece || piece->empty()) break;
    if (json) json->read(*piece);
    const bool wanted = co_await growing->append(std::move(*piece));
    if (!wanted) {
      error = Error{ErrorCode::client_gone, ErrorSource::exchange, true, "nobody read the answer any more"};
    }
  }
  if (!error && json && json->state() == ReportBodyReader::State::incomplete) {
    error = Error{ErrorCode::upstream_invalid_response, ErrorSource::exchange, true,
                  "the connection ended in the middle of the content"};
  }
  growing->end(std::move(error));
}

}  // namespace

struct FetchTable::Waiter {
  Waiter(const asio::any_io_executor& executor, const FetchRequest& its_request)
      : timer(executor, SteadyTime::max()), request(its_request) {}
  void call() {
    called = true;
    timer.cancel();
  }
  asio::steady_timer timer;
  const FetchRequest& request;
  bool called = false;      // the fetch has finished, or on an http route its head is known
  FetchOutcomePtr outcome;  // once it has finished
  GrowingAnswer::ReaderPtr reader;
};

struct FetchTable::Fetch {
  Fetch(caching::Key for_key, SteadyTime now) : key(std::move(for_key)), started_at(now) {}
  const caching::Key key;
  const SteadyTime started_at;
  bool unasked = false;          // runs whether anybody waits for it or not
  bool worth_keeping = false;    // whoever has left
  std::uint64_t asks = 0;        // requests of clients that have waited for it
  std::uint64_t clients = 0;     // that wait for it; one that reads `growing` does not count
  std::vector<Waiter*> waiters;  // of those, all but the one that it runs for
  upstream::Turn turn;
  std::shared_ptr<GrowingAnswer> growing;  // null on report and metadata routes, unless it is too large
  // On an http route, while it grows: what its head says, and null where others may not be given it; and the
  // index of what it varies on, where it does.
  bool head_known = false;
  caching::StoredResponsePtr head;
  caching::StoredResponsePtr index;
  // Once it has finished.
  bool finished = false;
  bool stored = false;
  SteadyTime finished_at;
  FetchOutcomePtr outcome;  // where it is remembered
};

/// The duty to fetch for a fetch, and to land it: whoever waits for it is answered, whatever happens.
class FetchTable::OwnFetch {
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

FetchTable::FetchTable(asio::any_io_executor upstream_executor, asio::any_io_executor helpers,
                       upstream::Upstream& upstream, storage::ResponseStore& store,
                       storage::BodyAccount& bodies, std::uint64_t max_response, const Clock& clock)
    : upstream_executor_(std::move(upstream_executor)),
      helpers_(std::move(helpers)),
      upstream_(upstream),
      bodies_(bodies),
      max_response_(max_response),
      clock_(clock),
      failed_(failed_fetch()),
      updater_(store, clock),
      ahead_(upstream_executor_, store, upstream, clock,
             [this](FetchRequest request) { return refresh_ahead(std::move(request)); }) {}

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

asio::awaitable<FetchResult> FetchTable::join_http(FetchRequest&& request, Sharing sharing,
                                                   TicketPtr ticket) {
  auto joined = join_http_on_upstream_thread(std::make_unique<FetchRequest>(std::move(request)), sharing,
                                             std::move(ticket));
  if (runs_here(upstream_executor_)) return joined;
  return asio::co_spawn(upstream_executor_, std::move(joined), asio::use_awaitable);
}

asio::awaitable<void> FetchTable::invalidate(std::vector<caching::Key> targets, std::string_view route) {
  return asio::co_spawn(upstream_executor_, invalidate_on_upstream_thread(std::move(targets), route),
                        asio::use_awaitable);
}

asio::awaitable<void> FetchTable::invalidate_on_upstream_thread(std::vector<caching::Key> targets,
                                                                std::string_view route) {
  for (const auto& target : targets) updater_.end_stored(target, route);
  co_return;
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
  const bool read = fetch->growing && fetch->growing->has_readers();
  if (fetch->finished || fetch->unasked || fetch->clients > 0 || read) return;
  const bool worth_having = fetch->growing && fetch->growing->worth_having();
  if (fetch->worth_keeping || worth_having) return fetch->turn.set_unattended(true);
  unlist(fetch);
  fetch->turn.abandon();
}

void FetchTable::refresh_behind(FetchRequest request) {
  request.upstream.priority = upstream::Priority::revalidation;
  request.upstream.reason = counters::Reason::revalidation;
  // Not at once, where this is the upstream thread: the answer goes before it.
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
  list(mine.get());
  return lead(std::move(mine), std::move(request), std::move(ticket));
}

/// Waits for the fetches of others, as long as there is one, or gives up where the client has left.
asio::awaitable<FetchResult> FetchTable::share(std::unique_ptr<FetchRequest> request, TicketPtr ticket) {
  while (!ticket->left_) {
    const FetchPtr fetch = find_for(*request, clock_.steady_now());
    bool too_late = !fetch;
    Waiter waiter(upstream_executor_, *request);
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
      if (fetch->stored)
        co_return FetchResult{.outcome = waiter.outcome, .look_again = !waiter.outcome, .collapsed = true};
      if (was_broken_off(*waiter.outcome)) continue;
      too_late = waiter.outcome->too_large() && !waiter.reader;  // for its beginning
    }
    if (too_late) {
      OwnFetch mine = start(*request, clock_.steady_now());
      list(mine.get());
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
  const Fetched fetched = co_await run(fetch.get(), *request);
  ticket->fetch_.reset();
  FetchResult result{.outcome = fetched.outcome, .left = ticket->left_};
  if (fetched.large) {
    fetch->growing =
        GrowingAnswer::make(upstream_executor_, bodies_, {max_response_}, GrowingAnswer::Keep::part);
    if (!result.left) result.content = fetch->growing->attach();
  }
  finish(fetch.get(), *request, fetched);
  co_return result;
}

/// Waits until the fetch has finished, until its head is known where that may be enough, or until the client
/// has left.
asio::awaitable<void> FetchTable::wait_for(FetchPtr fetch, Waiter& waiter, Ticket& ticket) {
  struct Seat {  // also where this ends with an exception
    Seat(FetchPtr its_flight, Waiter& its_waiter, Ticket& its_ticket)
        : fetch(std::move(its_flight)), waiter(its_waiter), ticket(its_ticket) {
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
    Waiter& waiter;
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

asio::awaitable<FetchResult> FetchTable::join_http_on_upstream_thread(std::unique_ptr<FetchRequest> request,
                                                                      Sharing sharing, TicketPtr ticket) {
  while (!ticket->left_) {
    const SteadyTime now = clock_.steady_now();
    const bool queues = sharing == Sharing::shared && !unshared_.has(request->key.hash(), now);
    const FetchPtr fetch = queues ? find_for(*request, now) : nullptr;
    if (!fetch) {
      OwnFetch mine = start(*request, now);
      if (queues) list(mine.get());
      co_return lead_http(std::move(mine), std::move(*request));
    }
    collapsed_.fetch_add(1, std::memory_order_relaxed);
    Waiter waiter(upstream_executor_, *request);
    if (fetch->finished) {
      waiter.outcome = fetch->outcome;
    } else if (fetch->head_known) {
      waiter.reader = reader_for(*fetch, *request);
    } else {
      co_await wait_for(fetch, waiter, *ticket);
    }
    if (ticket->left_) break;
    if (waiter.reader) co_return FetchResult{.collapsed = true, .content = std::move(waiter.reader)};
    if (fetch->finished && fetch->stored) co_return FetchResult{.look_again = true, .collapsed = true};
    const bool failed = waiter.outcome && waiter.outcome->failure;
    if (failed && was_broken_off(*waiter.outcome)) continue;
    if (failed) co_return FetchResult{.outcome = waiter.outcome, .collapsed = true};
    OwnFetch mine = start(*request, clock_.steady_now());
    co_return lead_http(std::move(mine), std::move(*request));
  }
  co_return FetchResult{.left = true};
}

/// Fetches for one client, and for those who may share its answer once its head says so.
FetchResult FetchTable::lead_http(OwnFetch fetch, FetchRequest request) {
  auto at_end = std::make_shared<FetchResult>();
  at_end->outcome = failed_;
  FetchResult result{.content = fetch->growing->attach(), .at_end = at_end};
  ++fetch->asks;
  asio::co_spawn(upstream_executor_, run_http(std::move(fetch), std::move(request), std::move(at_end)),
                 logging_failure("fetching"));
  return result;
}

asio::awaitable<void> FetchTable::run_http(OwnFetch fetch, FetchRequest request,
                                           std::shared_ptr<FetchResult> at_end) {
  const Fetched fetched = co_await run(fetch.get(), request);
  at_end->outcome = fetched.outcome;
  finish(fetch.get(), request, fetched);
}

asio::awaitable<void> FetchTable::refresh_on_upstream_thread(FetchRequest request) {
  const SteadyTime now = clock_.steady_now();
  forget_finished(now);
  const auto found = fetches_.find(request.key.hash());
  // While the upstream fails, every stale answer would try again behind it: once a second is enough.
  const bool failed_just_now = found != fetches_.end() && found->second->key == request.key &&
                               found->second->finished && !found->second->stored;
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
  list(fetch.get());
  const Fetched fetched = co_await run(fetch.get(), request);
  if (fetched.large && !fetch->waiters.empty())
    fetch->growing =
        GrowingAnswer::make(upstream_executor_, bodies_, {max_response_}, GrowingAnswer::Keep::part);
  // What nobody reads is broken off where it becomes too large to be kept.
  if (was_broken_off(*fetched.outcome)) large_.add(request.key.hash(), clock_.steady_now());
  finish(fetch.get(), request, fetched);
}

/// The fetch that `request` may share: one under way, or one that has finished since the request came. Not
/// one that started before a purge that the request came after.
FetchTable::FetchPtr FetchTable::find_for(const FetchRequest& request, SteadyTime now) {
  forget_finished(now);
  const auto found = fetches_.find(request.key.hash());
  if (found == fetches_.end() || !(found->second->key == request.key)) return nullptr;
  const FetchPtr& fetch = found->second;
  const bool tells_something = !fetch->finished || fetch->stored || fetch->outcome;
  const bool in_time = !fetch->finished || request.received_at <= fetch->finished_at;
  if (!tells_something || !in_time || updater_.purged_between(request, fetch->started_at)) return nullptr;
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
  unlist(fetch);
  for (Waiter* const waiter : fetch->waiters) {
    waiter->outcome = failed_;
    waiter->call();
  }
  try {
    if (fetch->growing) fetch->growing->end(failure());
  } catch (...) {  // who reads it looks again before long
    logging_failure("fetching")(std::current_exception());
  }
}

/// From here on whoever asks for the same finds it.
void FetchTable::list(const FetchPtr& fetch) {
  fetches_[fetch->key.hash()] = fetch;
}

void FetchTable::unlist(const FetchPtr& fetch) {
  const auto found = fetches_.find(fetch->key.hash());
  if (found != fetches_.end() && found->second == fetch) fetches_.erase(found);
}

asio::awaitable<FetchTable::Fetched> FetchTable::run(FetchPtr fetch, FetchRequest& request) {
  try {
    // A 304 would bring back what a purge has removed since it was looked up.
    request.stored = updater_.unless_removed(std::move(request.stored), request.received_at);
    add_validators(request);
    request.upstream.has_worked = request.stored && request.stored->status == 200;
    request.upstream.takes_large = !request.http;
    std::optional<upstream::WhenBegun> shares;
    if (request.http) shares.emplace(fetch->growing.get(), [&] { head_is_known(*fetch, request); });
    upstream::UpstreamResult result = co_await upstream_.send(request.upstream);
    upstream::LargeContentPtr large = result ? result->large : nullptr;
    bool grown = result && result->streamed && !result->too_large;
    if (grown) {  // for a moment it is here twice
      result->held = storage::BodyAccount::Growing(bodies_);
      grown = result->held.add(fetch->growing->size());
      result->too_large = !grown;
    }
    auto outcome = std::make_shared<FetchOutcome>();
    const auto judge_it = [&, now = clock_.wall_now()] {
      if (grown) result->body = fetch->growing->content();
      *outcome = judged_and_prepared(request, std::move(result), now, &bodies_);
    };
    std::size_t size = result ? result->body.size() : 0;
    // It is compared with the new one, or compressed once more where that has not been worth it.
    if (request.stored && !request.stored->gzip_body) size = std::max(size, request.stored->body->size());
    if (grown || size >= worth_another_thread) {
      co_await run_on(helpers_, judge_it);
    } else {
      judge_it();
    }
    if (request.http) note_sharing(request, *outcome);
    updater_.keep(request, *outcome, fetch->started_at);
    if (!request.http) note_size(request, *outcome);
    if (grown && outcome->response) fetch->growing->settle(outcome->response->body);
    co_return Fetched{std::move(outcome), std::move(large)};
  } catch (...) {
    logging_failure("fetching")(std::current_exception());
  }
  co_return Fetched{failed_};
}

/// On an http route: those who wait may read on with the first, or go on for themselves.
void FetchTable::head_is_known(Fetch& fetch, const FetchRequest& request) {
  const FetchOutcome outcome = judge_http_head(request, *fetch.growing->head(), clock_.wall_now());
  fetch.head_known = true;
  if (outcome.stored() && !updater_.ended_since(request, fetch.started_at)) {
    fetch.head = outcome.to_store.front();
    if (outcome.to_store.size() > 1) fetch.index = outcome.to_store.back();
  }
  for (Waiter* const waiter : fetch.waiters) {
    waiter->reader = reader_for(fetch, waiter->request);
    waiter->call();
  }
}

/// A reader of the answer that grows; null where it is not what this request would be answered with from the
/// store, or where its beginning is gone.
GrowingAnswer::ReaderPtr FetchTable::reader_for(const Fetch& fetch, const FetchRequest& request) const {
  if (!fetch.head || updater_.ended_since(request, fetch.started_at)) return nullptr;
  const http::Fields& fields = request.http->client;
  const auto decision =
      caching::decide_http(fetch.head.get(), http::parse_request_directives(fields), clock_.wall_now());
  if (decision.action != caching::Action::use) return nullptr;
  if (fetch.index) {
    const auto keys = caching::VariantIndex(*fetch.index).keys_for(request.key, fields);
    if (std::ranges::find(keys, fetch.head->key) == keys.end()) return nullptr;
  }
  return fetch.growing->attach();
}

void FetchTable::note_size(const FetchRequest& request, const FetchOutcome& outcome) {
  const caching::KeyHash hash = request.key.hash();
  outcome.too_large() ? large_.add(hash, clock_.steady_now()) : large_.remove(hash);
}

void FetchTable::note_sharing(const FetchRequest& request, const FetchOutcome& outcome) {
  const bool shareable = outcome.stored();  // before it is known whether a purge has come in between
  const bool tells = request.http->method == "GET" && !request.http->no_store && !outcome.failure;
  if (shareable) return unshared_.remove(request.key.hash());
  if (tells && !request.http->range_forwarded) unshared_.add(request.key.hash(), clock_.steady_now());
}

void FetchTable::finish(const FetchPtr& fetch, const FetchRequest& request, const Fetched& fetched) {
  const FetchOutcome& outcome = *fetched.outcome;
  // Before anybody is told: who has been may ask again at once, and is to get an answer of its own.
  fetch->finished_at = clock_.steady_now();
  fetch->stored = outcome.stored();
  for (Waiter* const waiter : fetch->waiters) {
    waiter->outcome = fetched.outcome;
    if (fetched.large) waiter->reader = fetch->growing->attach();
    waiter->call();
  }
  if (fetched.large && fetch->growing) grow(fetch, fetched.large);
  if (request.http) {
    std::optional<Error> error;
    if (outcome.failure) error = outcome.failure->error;
    fetch->growing->end(std::move(error));
    fetch->growing.reset();  // it is whole in the store, or nobody's but those who read it
  }
  fetch->finished = true;  // not before everybody has been told
  if (was_broken_off(outcome)) return unlist(fetch);
  if (is_remembered(request, outcome)) fetch->outcome = fetched.outcome;
  finished_.push_back(fetch);
  forget_finished(fetch->finished_at);
  if (outcome.stored()) ahead_.has_stored(request, *outcome.response, fetch->asks);
}

/// Passes the content of a large answer on to those who read it by now.
void FetchTable::grow(const FetchPtr& fetch, upstream::LargeContentPtr content) {
  const std::shared_ptr<GrowingAnswer> growing = fetch->growing;
  growing->begin({.status = 0, .fields = {}, .length = content->length()});
  if (!growing->has_readers()) {
    content->close();
    return fetch->growing.reset();  // nobody may wait for what does not come
  }
  growing->when_unread([content] { content->close(); });
  spawn_watched(upstream_executor_, pass_on(growing, std::move(content)), "passing a large answer on",
                [growing](bool failed) {
                  if (failed) growing->end(failure());
                });
}

void FetchTable::forget_finished(SteadyTime now) {
  const SteadyTime limit = now - memory_of_finished;
  while (!finished_.empty() && (finished_.front()->finished_at < limit || finished_.size() > max_finished)) {
    unlist(finished_.front());
    finished_.pop_front();
  }
}

}  // namespace roktcached::proxy
