#include "server/exchange/flights.h"

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
#include "server/elsewhere.h"
#include "server/exchange/http_outcome.h"
#include "server/exchange/prepared.h"
#include "server/exchange/report_body.h"

namespace roktcached::exchange {

namespace {

/// How long a landed flight is remembered for requests that were there before it landed but come late.
constexpr std::chrono::seconds memory_of_landed{1};
constexpr std::size_t max_landed = 1024;
/// A landed flight remembers an answer that is not in the store up to this size.
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
void prepare(Outcome& outcome, storage::BodyAccount* bodies) {
  if (!outcome.response) return;
  const caching::StoredResponsePtr plain = outcome.response;
  outcome.response = prepared(plain, bodies);
  std::ranges::replace(outcome.to_store, plain, outcome.response);
}

Error failure() {
  return {ErrorCode::internal, ErrorSource::exchange, true, "the fetch failed"};
}

OutcomePtr failed_fetch() {
  auto outcome = std::make_shared<Outcome>();
  outcome->failure = {failure(), std::nullopt};
  return outcome;
}

/// What is made of an answer, for the one who asked and for the store.
Outcome judged_and_prepared(const FetchRequest& request, upstream::UpstreamResult&& result, WallTime now,
                            storage::BodyAccount* bodies) {
  if (request.http) return judge_http(request, std::move(result), now);
  Outcome outcome = judge(request, std::move(result));
  prepare(outcome, bodies);
  return outcome;
}

/// Whether nobody waited for it any more: it says nothing about the upstream, nor to anybody.
bool was_broken_off(const Outcome& outcome) {
  return outcome.failure && outcome.failure->error.code == ErrorCode::client_gone;
}

/// What those who come late may still be told of a flight that has landed. What is stored is in the store.
bool is_remembered(const FetchRequest& request, const Outcome& outcome) {
  if (outcome.stored) return false;
  if (outcome.failure || outcome.too_large) return true;
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

struct Flights::Waiter {
  Waiter(const asio::any_io_executor& executor, const FetchRequest& its_request)
      : timer(executor, SteadyTime::max()), request(its_request) {}
  void call() {
    called = true;
    timer.cancel();
  }
  asio::steady_timer timer;
  const FetchRequest& request;
  bool called = false;  // the flight has landed, or on an http route its head is known
  OutcomePtr outcome;   // once it has landed
  GrowingAnswer::ReaderPtr reader;
};

struct Flights::Flight {
  Flight(caching::Key for_key, SteadyTime now) : key(std::move(for_key)), took_off_at(now) {}
  const caching::Key key;
  const SteadyTime took_off_at;
  bool unasked = false;          // flies whether anybody waits for it or not
  bool worth_keeping = false;    // whoever has left
  std::uint64_t asks = 0;        // requests of clients that have waited for it
  std::uint64_t clients = 0;     // that wait for it; one that reads `growing` does not count
  std::vector<Waiter*> waiters;  // of those, all but the one that it flies for
  upstream::Turn turn;
  std::shared_ptr<GrowingAnswer> growing;  // null on report and metadata routes, unless it is too large
  // On an http route, while it grows: what its head says, and null where others may not be given it; and the
  // index of what it varies on, where it does.
  bool head_known = false;
  caching::StoredResponsePtr head;
  caching::StoredResponsePtr index;
  // Once it has landed.
  bool landed = false;
  bool stored = false;
  SteadyTime landed_at;
  OutcomePtr outcome;  // where it is remembered
};

/// The duty to fetch for a flight, and to land it: whoever waits for it is answered, whatever happens.
class Flights::OwnFlight {
 public:
  OwnFlight(Flights& flights, FlightPtr flight) : flights_(&flights), flight_(std::move(flight)) {}
  OwnFlight(OwnFlight&& other) noexcept = default;
  OwnFlight& operator=(OwnFlight&& other) = delete;
  ~OwnFlight() {
    if (flight_ && !flight_->landed) flights_->crash(flight_);
  }
  [[nodiscard]] const FlightPtr& get() const { return flight_; }
  [[nodiscard]] Flight* operator->() const { return flight_.get(); }

 private:
  Flights* flights_;
  FlightPtr flight_;
};

Flights::Flights(asio::any_io_executor desk, asio::any_io_executor helpers, upstream::Upstream& upstream,
                 storage::ResponseStore& store, storage::BodyAccount& bodies, std::uint64_t max_response,
                 const Clock& clock)
    : desk_(std::move(desk)),
      helpers_(std::move(helpers)),
      upstream_(upstream),
      bodies_(bodies),
      max_response_(max_response),
      clock_(clock),
      failed_(failed_fetch()),
      keeper_(store, clock),
      ahead_(desk_, store, upstream, clock,
             [this](FetchRequest request) { return refresh_ahead(std::move(request)); }) {}

asio::awaitable<Landing> Flights::join(FetchRequest&& request, TicketPtr ticket) {
  // A coroutine moves what it is called with into its frame: half a KiB, several times on the way.
  auto moved = std::make_unique<FetchRequest>(std::move(request));
  if (runs_here(desk_)) return join_on_desk(std::move(moved), std::move(ticket));
  return asio::co_spawn(desk_, join_from_elsewhere(std::move(moved), std::move(ticket)), asio::use_awaitable);
}

asio::awaitable<Landing> Flights::join_from_elsewhere(std::unique_ptr<FetchRequest> request,
                                                      TicketPtr ticket) {
  auto joined = join_on_desk(std::move(request), std::move(ticket));
  Landing landing = co_await std::move(joined);
  co_return landing;
}

asio::awaitable<Landing> Flights::join_http(FetchRequest&& request, Sharing sharing, TicketPtr ticket) {
  auto joined =
      join_http_on_desk(std::make_unique<FetchRequest>(std::move(request)), sharing, std::move(ticket));
  if (runs_here(desk_)) return joined;
  return asio::co_spawn(desk_, std::move(joined), asio::use_awaitable);
}

asio::awaitable<void> Flights::invalidate(std::vector<caching::Key> targets, std::string_view route) {
  return asio::co_spawn(desk_, invalidate_on_desk(std::move(targets), route), asio::use_awaitable);
}

asio::awaitable<void> Flights::invalidate_on_desk(std::vector<caching::Key> targets, std::string_view route) {
  for (const auto& target : targets) keeper_.end_stored(target, route);
  co_return;
}

void Flights::leave(const TicketPtr& ticket) {
  asio::post(ticket->flights_.desk_, [ticket] {
    if (std::exchange(ticket->left_, true) || !ticket->flight_) return;
    if (ticket->waiter_ != nullptr) ticket->waiter_->timer.cancel();
    --ticket->flight_->clients;
    ticket->flights_.break_off_if_unwanted(ticket->flight_);
  });
}

void Flights::break_off_if_unwanted(const FlightPtr& flight) {
  const bool read = flight->growing && flight->growing->has_readers();
  if (flight->landed || flight->unasked || flight->clients > 0 || read) return;
  const bool worth_having = flight->growing && flight->growing->worth_having();
  if (flight->worth_keeping || worth_having) return flight->turn.set_unattended(true);
  unlist(flight);
  flight->turn.abandon();
}

void Flights::refresh_behind(FetchRequest request) {
  request.upstream.priority = upstream::Priority::revalidation;
  request.upstream.reason = upstream::Reason::revalidation;
  // Not at once, where this is the desk's thread: the answer goes before it.
  asio::post(desk_, [this, request = std::move(request)]() mutable {
    asio::co_spawn(desk_, refresh_on_desk(std::move(request)),
                   logging_failure("refreshing behind an answer"));
  });
}

/// No coroutine itself: most requests find no flight, and are to have no frame more for that.
asio::awaitable<Landing> Flights::join_on_desk(std::unique_ptr<FetchRequest> request, TicketPtr ticket) {
  if (ticket->left_ || find_for(*request)) return share(std::move(request), std::move(ticket));
  OwnFlight mine = take_off(*request);
  list(mine.get());
  return lead(std::move(mine), std::move(request), std::move(ticket));
}

/// Waits for the flights of others, as long as there is one, or gives up where the client has left.
asio::awaitable<Landing> Flights::share(std::unique_ptr<FetchRequest> request, TicketPtr ticket) {
  while (!ticket->left_) {
    const FlightPtr flight = find_for(*request);
    bool too_late = !flight;
    Waiter waiter(desk_, *request);
    if (flight) {
      collapsed_.fetch_add(1, std::memory_order_relaxed);
      if (!flight->landed) {
        co_await wait_for(flight, waiter, *ticket);
      } else {
        waiter.outcome = flight->outcome;
        if (waiter.outcome && waiter.outcome->too_large && flight->growing)
          waiter.reader = flight->growing->attach();
      }
      if (ticket->left_) break;
      if (flight->stored)
        co_return Landing{.outcome = waiter.outcome, .look_again = !waiter.outcome, .collapsed = true};
      if (was_broken_off(*waiter.outcome)) continue;
      too_late = waiter.outcome->too_large && !waiter.reader;  // for its beginning
    }
    if (too_late) {
      OwnFlight mine = take_off(*request);
      list(mine.get());
      auto led = lead(std::move(mine), std::move(request), std::move(ticket));
      Landing landing = co_await std::move(led);
      co_return landing;
    }
    co_return Landing{.outcome = waiter.outcome, .collapsed = true, .content = std::move(waiter.reader)};
  }
  co_return Landing{.left = true};
}

/// Fetches, as the one whose request the flight flies for.
asio::awaitable<Landing> Flights::lead(OwnFlight flight, std::unique_ptr<FetchRequest> request,
                                       TicketPtr ticket) {
  flight->worth_keeping = true;
  flight->asks = flight->clients = 1;
  ticket->flight_ = flight.get();
  const Fetched fetched = co_await fetch(flight.get(), *request);
  ticket->flight_.reset();
  Landing landing{.outcome = fetched.outcome, .left = ticket->left_};
  if (fetched.large) {
    flight->growing = GrowingAnswer::make(desk_, bodies_, {max_response_}, GrowingAnswer::Keep::part);
    if (!landing.left) landing.content = flight->growing->attach();
  }
  land(flight.get(), *request, fetched);
  co_return landing;
}

/// Waits until the flight has landed, until its head is known where that may be enough, or until the client
/// has left.
asio::awaitable<void> Flights::wait_for(FlightPtr flight, Waiter& waiter, Ticket& ticket) {
  struct Seat {  // also where this ends with an exception
    Seat(FlightPtr its_flight, Waiter& its_waiter, Ticket& its_ticket)
        : flight(std::move(its_flight)), waiter(its_waiter), ticket(its_ticket) {
      flight->waiters.push_back(&waiter);
      ++flight->clients;
      ++flight->asks;
      ticket.flight_ = flight;
      ticket.waiter_ = &waiter;
    }
    ~Seat() {
      std::erase(flight->waiters, &waiter);
      if (!ticket.left_) --flight->clients;
      ticket.flight_.reset();
      ticket.waiter_ = nullptr;
    }
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;
    const FlightPtr flight;
    Waiter& waiter;
    Ticket& ticket;
  };
  {
    const Seat seat(flight, waiter, ticket);
    const upstream::UpstreamRequest& asks = waiter.request.upstream;
    flight->turn.join({asks.client, asks.priority}, clock_.steady_now());
    flight->turn.set_unattended(false);
    while (!waiter.called && !ticket.left_) co_await waiter.timer.async_wait(as_result);
  }
  break_off_if_unwanted(flight);  // it may have been the last, and go on for itself
}

asio::awaitable<Landing> Flights::join_http_on_desk(std::unique_ptr<FetchRequest> request, Sharing sharing,
                                                    TicketPtr ticket) {
  while (!ticket->left_) {
    const bool queues =
        sharing == Sharing::shared && !unshared_.has(request->key.hash(), clock_.steady_now());
    const FlightPtr flight = queues ? find_for(*request) : nullptr;
    if (!flight) {
      OwnFlight mine = take_off(*request);
      if (queues) list(mine.get());
      co_return lead_http(std::move(mine), std::move(*request));
    }
    collapsed_.fetch_add(1, std::memory_order_relaxed);
    Waiter waiter(desk_, *request);
    if (flight->landed) {
      waiter.outcome = flight->outcome;
    } else if (flight->head_known) {
      waiter.reader = reader_for(*flight, *request);
    } else {
      co_await wait_for(flight, waiter, *ticket);
    }
    if (ticket->left_) break;
    if (waiter.reader) co_return Landing{.collapsed = true, .content = std::move(waiter.reader)};
    if (flight->landed && flight->stored) co_return Landing{.look_again = true, .collapsed = true};
    const bool failed = waiter.outcome && waiter.outcome->failure;
    if (failed && was_broken_off(*waiter.outcome)) continue;
    if (failed) co_return Landing{.outcome = waiter.outcome, .collapsed = true};
    OwnFlight mine = take_off(*request);
    co_return lead_http(std::move(mine), std::move(*request));
  }
  co_return Landing{.left = true};
}

/// Fetches for one client, and for those who may share its answer once its head says so.
Landing Flights::lead_http(OwnFlight flight, FetchRequest request) {
  auto at_end = std::make_shared<Landing>();
  at_end->outcome = failed_;
  Landing landing{.content = flight->growing->attach(), .at_end = at_end};
  ++flight->asks;
  asio::co_spawn(desk_, fly_http(std::move(flight), std::move(request), std::move(at_end)),
                 logging_failure("fetching"));
  return landing;
}

asio::awaitable<void> Flights::fly_http(OwnFlight flight, FetchRequest request,
                                        std::shared_ptr<Landing> at_end) {
  const Fetched fetched = co_await fetch(flight.get(), request);
  at_end->outcome = fetched.outcome;
  land(flight.get(), request, fetched);
}

asio::awaitable<void> Flights::refresh_on_desk(FetchRequest request) {
  const SteadyTime now = clock_.steady_now();
  forget_landed(now);
  const auto found = flights_.find(request.key.hash());
  // While the upstream fails, every stale answer would try again behind it: once a second is enough.
  const bool failed_just_now = found != flights_.end() && found->second->key == request.key &&
                               found->second->landed && !found->second->stored;
  if (find_for(request) || failed_just_now || large_.has(request.key.hash(), now)) co_return;
  co_await fly_unasked(std::move(request));
}

/// Ends when the refresh has; where another fetch of the key is under way there is nothing to do.
asio::awaitable<void> Flights::refresh_ahead(FetchRequest request) {
  request.upstream.priority = upstream::Priority::refresh_ahead;
  request.upstream.reason = upstream::Reason::refresh_ahead;
  request.upstream.client.clear();
  if (find_for(request) || large_.has(request.key.hash(), clock_.steady_now())) co_return;
  co_await fly_unasked(std::move(request));
}

asio::awaitable<void> Flights::fly_unasked(FetchRequest request) {
  const OwnFlight flight = take_off(request);
  flight->unasked = true;
  list(flight.get());
  const Fetched fetched = co_await fetch(flight.get(), request);
  if (fetched.large && !flight->waiters.empty())
    flight->growing = GrowingAnswer::make(desk_, bodies_, {max_response_}, GrowingAnswer::Keep::part);
  // What nobody reads is broken off where it becomes too large to be kept.
  if (was_broken_off(*fetched.outcome)) large_.add(request.key.hash(), clock_.steady_now());
  land(flight.get(), request, fetched);
}

/// The flight that `request` may share: one under way, or one that has landed since the request came. Not one
/// that took off before a purge that the request came after.
Flights::FlightPtr Flights::find_for(const FetchRequest& request) {
  forget_landed(clock_.steady_now());
  const auto found = flights_.find(request.key.hash());
  if (found == flights_.end() || !(found->second->key == request.key)) return nullptr;
  const FlightPtr& flight = found->second;
  const bool tells_something = !flight->landed || flight->stored || flight->outcome;
  const bool in_time = !flight->landed || request.received_at <= flight->landed_at;
  if (!tells_something || !in_time || keeper_.purged_between(request, flight->took_off_at)) return nullptr;
  return flight;
}

/// A new flight, for which its owner is to fetch at once.
Flights::OwnFlight Flights::take_off(FetchRequest& request) {
  OwnFlight flight(*this, std::make_shared<Flight>(request.key, clock_.steady_now()));
  request.upstream.turn = {flight.get(), &flight->turn};
  if (!request.http) return flight;
  flight->growing = GrowingAnswer::make(desk_, bodies_, {max_response_}, GrowingAnswer::Keep::whole);
  flight->growing->when_unread([this, weak = std::weak_ptr(flight.get())] {
    if (const FlightPtr unread = weak.lock()) break_off_if_unwanted(unread);
  });
  request.upstream.stream = flight->growing;
  return flight;
}

/// An exception has ended the fetch.
void Flights::crash(const FlightPtr& flight) noexcept {
  flight->landed = true;
  unlist(flight);
  for (Waiter* const waiter : flight->waiters) {
    waiter->outcome = failed_;
    waiter->call();
  }
  try {
    if (flight->growing) flight->growing->end(failure());
  } catch (...) {  // who reads it looks again before long
    logging_failure("fetching")(std::current_exception());
  }
}

/// From here on whoever asks for the same finds it.
void Flights::list(const FlightPtr& flight) {
  flights_[flight->key.hash()] = flight;
}

void Flights::unlist(const FlightPtr& flight) {
  const auto found = flights_.find(flight->key.hash());
  if (found != flights_.end() && found->second == flight) flights_.erase(found);
}

asio::awaitable<Flights::Fetched> Flights::fetch(FlightPtr flight, FetchRequest& request) {
  try {
    const SteadyTime started_at = clock_.steady_now();
    // A 304 would bring back what a purge has removed since it was looked up.
    request.stored = keeper_.unless_removed(std::move(request.stored), request.received_at);
    add_validators(request);
    request.upstream.has_worked = request.stored && request.stored->status == 200;
    request.upstream.takes_large = !request.http;
    std::optional<upstream::WhenBegun> shares;
    if (request.http) shares.emplace(flight->growing.get(), [&] { head_is_known(*flight, request); });
    upstream::UpstreamResult result = co_await upstream_.send(request.upstream);
    upstream::LargeContentPtr large = result ? result->large : nullptr;
    bool grown = result && result->streamed && !result->too_large;
    if (grown) {  // for a moment it is here twice
      result->held = storage::BodyAccount::Growing(bodies_);
      grown = result->held.add(flight->growing->size());
      result->too_large = !grown;
    }
    auto outcome = std::make_shared<Outcome>();
    const auto judge_it = [&, now = clock_.wall_now()] {
      if (grown) result->body = flight->growing->content();
      *outcome = judged_and_prepared(request, std::move(result), now, &bodies_);
    };
    std::size_t size = result ? result->body.size() : 0;
    // It is compared with the new one, or compressed once more where that has not been worth it.
    if (request.stored && !request.stored->gzip_body) size = std::max(size, request.stored->body->size());
    if (grown || size >= worth_another_thread) {
      co_await elsewhere(helpers_, judge_it);
    } else {
      judge_it();
    }
    if (request.http) note_sharing(request, *outcome);
    keeper_.keep(request, *outcome, started_at);
    if (!request.http) note_size(request, *outcome);
    if (grown && outcome->response) flight->growing->settle(outcome->response->body);
    co_return Fetched{std::move(outcome), std::move(large)};
  } catch (...) {
    logging_failure("fetching")(std::current_exception());
  }
  co_return Fetched{failed_};
}

/// On an http route: those who wait may read on with the first, or go on for themselves.
void Flights::head_is_known(Flight& flight, const FetchRequest& request) {
  const upstream::AnswerHead& head = *flight.growing->head();
  upstream::UpstreamResponse beginning;
  beginning.status = head.status;
  beginning.fields = head.fields;
  beginning.sent_at = clock_.wall_now();
  const Outcome outcome = judge_http(request, std::move(beginning), clock_.wall_now());
  flight.head_known = true;
  if (outcome.stored && !keeper_.ended_since(request, flight.took_off_at)) {
    flight.head = outcome.to_store.front();
    if (outcome.to_store.size() > 1) flight.index = outcome.to_store.back();
  }
  for (Waiter* const waiter : flight.waiters) {
    waiter->reader = reader_for(flight, waiter->request);
    waiter->call();
  }
}

/// A reader of the answer that grows; null where it is not what this request would be answered with from the
/// store, or where its beginning is gone.
GrowingAnswer::ReaderPtr Flights::reader_for(const Flight& flight, const FetchRequest& request) const {
  if (!flight.head || keeper_.ended_since(request, flight.took_off_at)) return nullptr;
  const http::Fields& fields = request.http->client;
  const auto decision =
      caching::decide_http(flight.head.get(), http::parse_request_directives(fields), clock_.wall_now());
  if (decision.action != caching::Action::use) return nullptr;
  if (flight.index) {
    const auto keys = caching::VariantIndex(*flight.index).keys_for(request.key, fields);
    if (std::ranges::find(keys, flight.head->key) == keys.end()) return nullptr;
  }
  return flight.growing->attach();
}

void Flights::note_size(const FetchRequest& request, const Outcome& outcome) {
  const caching::KeyHash hash = request.key.hash();
  outcome.too_large ? large_.add(hash, clock_.steady_now()) : large_.remove(hash);
}

void Flights::note_sharing(const FetchRequest& request, const Outcome& outcome) {
  const bool shareable = outcome.stored;  // before it is known whether a purge has come in between
  const bool tells = request.http->method == "GET" && !request.http->no_store && !outcome.failure;
  if (shareable) return unshared_.remove(request.key.hash());
  if (tells && !request.http->range_forwarded) unshared_.add(request.key.hash(), clock_.steady_now());
}

void Flights::land(const FlightPtr& flight, const FetchRequest& request, const Fetched& fetched) {
  const Outcome& outcome = *fetched.outcome;
  // Before anybody is told: who has been may ask again at once, and is to get an answer of its own.
  flight->landed_at = clock_.steady_now();
  flight->stored = outcome.stored;
  for (Waiter* const waiter : flight->waiters) {
    waiter->outcome = fetched.outcome;
    if (fetched.large) waiter->reader = flight->growing->attach();
    waiter->call();
  }
  if (fetched.large && flight->growing) grow(flight, fetched.large);
  if (request.http) {
    std::optional<Error> error;
    if (outcome.failure) error = outcome.failure->error;
    flight->growing->end(std::move(error));
    flight->growing.reset();  // it is whole in the store, or nobody's but those who read it
  }
  flight->landed = true;  // not before everybody has been told
  if (was_broken_off(outcome)) return unlist(flight);
  if (is_remembered(request, outcome)) flight->outcome = fetched.outcome;
  landed_.push_back(flight);
  forget_landed(flight->landed_at);
  if (outcome.stored) ahead_.has_stored(request, *outcome.response, flight->asks);
}

/// Passes the content of a large answer on to those who read it by now.
void Flights::grow(const FlightPtr& flight, upstream::LargeContentPtr content) {
  const std::shared_ptr<GrowingAnswer> growing = flight->growing;
  growing->begin({.status = 0, .fields = {}, .length = content->length()});
  if (!growing->has_readers()) {
    content->close();
    return flight->growing.reset();  // nobody may wait for what does not come
  }
  growing->when_unread([content] { content->close(); });
  spawn_watched(desk_, pass_on(growing, std::move(content)), "passing a large answer on",
                [growing](bool failed) {
                  if (failed) growing->end(failure());
                });
}

void Flights::forget_landed(SteadyTime now) {
  const SteadyTime limit = now - memory_of_landed;
  while (!landed_.empty() && (landed_.front()->landed_at < limit || landed_.size() > max_landed)) {
    unlist(landed_.front());
    landed_.pop_front();
  }
}

}  // namespace roktcached::exchange
