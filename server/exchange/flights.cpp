#include "server/exchange/flights.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/container/small_vector.hpp>

#include "core/caching/variants.h"
#include "server/asio.h"
#include "server/background.h"
#include "server/elsewhere.h"
#include "server/exchange/http_outcome.h"
#include "server/exchange/moved_fields.h"
#include "server/exchange/prepared.h"

namespace roktcached::exchange {

namespace {

/// How long a landed flight is remembered for requests that were there before it landed but come late.
constexpr std::chrono::seconds memory_of_landed{1};
constexpr std::size_t max_landed = 1024;
/// Targets whose invalidation is remembered one by one; beyond, everything under way counts as invalidated.
constexpr std::size_t max_invalidated = 4096;
/// How long a key is known as one whose answer is larger than upstream.max_response, and how many are.
constexpr std::chrono::minutes memory_of_large{1};
constexpr std::size_t max_large = 1024;

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

/// Whether this thread runs what is given to `executor`; false where that cannot be told.
bool is_on(const asio::any_io_executor& executor) {
  const auto* const context = executor.target<asio::io_context::executor_type>();
  return context != nullptr && context->running_in_this_thread();
}

Outcome failed_fetch() {
  Outcome outcome;
  outcome.failure = {{ErrorCode::internal, ErrorSource::exchange, true, "the fetch failed"}, std::nullopt};
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

caching::Subject subject_of(const FetchRequest& request) {
  return {request.key, request.route, request.account_id, request.campaign_id};
}

}  // namespace

struct Flights::Flight {
  Flight(caching::Key for_key, SteadyTime now) : key(std::move(for_key)), took_off_at(now) {}
  const caching::Key key;
  const SteadyTime took_off_at;
  std::uint64_t asks = 0;  // requests of clients that wait for it
  upstream::Turn turn;
  std::optional<asio::steady_timer>
      landing;         // cancelled on landing: wakes all who wait; none before the first
  OutcomePtr outcome;  // null while under way
  SteadyTime landed_at;
};

Flights::Flights(asio::any_io_executor desk, asio::any_io_executor helpers, upstream::Upstream& upstream,
                 storage::ResponseStore& store, const Clock& clock, storage::BodyAccount* bodies)
    : desk_(std::move(desk)),
      helpers_(std::move(helpers)),
      upstream_(upstream),
      store_(store),
      clock_(clock),
      bodies_(bodies),
      purges_(clock),
      ahead_(desk_, store, upstream, clock,
             [this](FetchRequest request) { return refresh_ahead(std::move(request)); }) {}

asio::awaitable<Landing> Flights::join(FetchRequest&& request) {
  // A coroutine moves what it is called with into its frame: half a KiB, several times on the way.
  auto joined = join_on_desk(std::make_unique<FetchRequest>(std::move(request)));
  if (is_on(desk_)) return joined;
  return asio::co_spawn(desk_, std::move(joined), asio::use_awaitable);
}

asio::awaitable<void> Flights::invalidate(std::vector<caching::Key> targets, std::string_view route) {
  return asio::co_spawn(desk_, invalidate_on_desk(std::move(targets), route), asio::use_awaitable);
}

asio::awaitable<void> Flights::invalidate_on_desk(std::vector<caching::Key> targets, std::string_view route) {
  for (const auto& target : targets) end_stored(target, route);
  co_return;
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

asio::awaitable<Landing> Flights::join_on_desk(std::unique_ptr<FetchRequest> request) {
  if (is_known_as_large(*request)) co_return co_await fetch(*request);
  const SteadyTime now = clock_.steady_now();
  forget_landed(now);
  FlightPtr flight = find_for(*request);
  const bool collapsed = flight && (!flight->outcome || request->received_at <= flight->landed_at);
  if (collapsed) {
    collapsed_.fetch_add(1, std::memory_order_relaxed);
    flight->turn.join({request->upstream.client, request->upstream.priority}, now);
    ++flight->asks;
    if (!flight->landing) flight->landing.emplace(desk_, SteadyTime::max());
    while (!flight->outcome) co_await flight->landing->async_wait(as_result);
    if (!flight->outcome->too_large) co_return Landing{flight->outcome, true, nullptr};
    co_return co_await fetch(*request);
  }
  flight = take_off(*request, now);
  ++flight->asks;
  Landing landing = co_await fetch(*request);
  land(flight, *request, landing.outcome);
  co_return landing;
}

asio::awaitable<void> Flights::refresh_on_desk(FetchRequest request) {
  const SteadyTime now = clock_.steady_now();
  forget_landed(now);
  const FlightPtr flight = find_for(request);
  const bool under_way = flight && !flight->outcome;
  const bool done_since = flight && flight->outcome && request.received_at <= flight->landed_at;
  // While the upstream fails, every stale answer would try again behind it: once a second is enough.
  const bool failed_just_now = flight && flight->outcome && !flight->outcome->stored;
  if (under_way || done_since || failed_just_now || is_known_as_large(request)) co_return;
  const FlightPtr mine = take_off(request, now);
  const Landing landing = co_await fetch(request);
  land(mine, request, landing.outcome);
}

/// Ends when the refresh has; where another fetch of the key is under way there is nothing to do.
asio::awaitable<void> Flights::refresh_ahead(FetchRequest request) {
  request.upstream.priority = upstream::Priority::refresh_ahead;
  request.upstream.reason = upstream::Reason::refresh_ahead;
  request.upstream.client.clear();
  const SteadyTime now = clock_.steady_now();
  forget_landed(now);
  if (find_for(request) || is_known_as_large(request)) co_return;
  const FlightPtr flight = take_off(request, now);
  const Landing landing = co_await fetch(request);
  land(flight, request, landing.outcome);
}

Result<std::uint64_t> Flights::purge(const caching::Purge& purge) {
  const Purges::UnderWay under_way(purges_, purge);
  return store_.purge(purge, clock_.wall_now());
}

caching::StoredResponsePtr Flights::unless_removed(caching::StoredResponsePtr stored,
                                                   SteadyTime looked_up_at) const {
  const bool removed = stored && purges_.removed_since(caching::subject_of(*stored), looked_up_at);
  return removed ? nullptr : stored;
}

/// The flight that `request` may share: not one that took off before a purge that the request came after.
Flights::FlightPtr Flights::find_for(const FetchRequest& request) const {
  const auto found = flights_.find(request.key.hash());
  if (found == flights_.end() || !(found->second->key == request.key)) return nullptr;
  const FlightPtr& flight = found->second;
  const bool purged = purges_.ended_between(subject_of(request), flight->took_off_at, request.received_at);
  return purged ? nullptr : flight;
}

/// Whoever finds the flight from here on waits for it to land: the caller is to fetch at once, and to land
/// it.
Flights::FlightPtr Flights::take_off(FetchRequest& request, SteadyTime now) {
  auto flight = std::make_shared<Flight>(request.key, now);
  flights_[request.key.hash()] = flight;
  request.upstream.turn = {flight, &flight->turn};
  return flight;
}

std::shared_ptr<const Landing> Flights::start(FetchRequest request, Sharing sharing) {
  auto landing = std::make_shared<Landing>();
  const std::shared_ptr<upstream::AnswerStream> stream = request.upstream.stream;
  asio::co_spawn(desk_, fetch_into(landing, std::move(request), sharing),
                 [stream, log = logging_failure("fetching")](const std::exception_ptr& failure) {
                   log(failure);
                   if (failure) stream->abandon();
                 });
  return landing;
}

asio::awaitable<void> Flights::fetch_into(std::shared_ptr<Landing> landing, FetchRequest request,
                                          Sharing sharing) {
  const std::shared_ptr<upstream::AnswerStream> stream = request.upstream.stream;
  if (sharing == Sharing::shared) {
    *landing = co_await join_on_desk(std::make_unique<FetchRequest>(std::move(request)));
  } else {
    *landing = co_await fetch(request);
  }
  std::optional<Error> error;
  if (landing->outcome->failure) error = landing->outcome->failure->error;
  co_await stream->end(std::move(error));
}

/// Ends with an outcome whatever happens: others may wait for it.
asio::awaitable<Landing> Flights::fetch(FetchRequest& request) {
  try {
    const SteadyTime started_at = clock_.steady_now();
    // A 304 would bring back what a purge has removed since it was looked up.
    request.stored = unless_removed(std::move(request.stored), request.received_at);
    add_validators(request);
    request.upstream.has_worked = request.stored && request.stored->status == 200;
    request.upstream.takes_large = !request.http;
    upstream::UpstreamResult result = co_await upstream_.send(request.upstream);
    upstream::LargeContentPtr content = result ? result->large : nullptr;
    auto outcome = std::make_shared<Outcome>();
    const auto judge_it = [&, now = clock_.wall_now()] {
      *outcome = judged_and_prepared(request, std::move(result), now, bodies_);
    };
    std::size_t size = result ? result->body.size() : 0;
    // It is compared with the new one, or compressed once more where that has not been worth it.
    if (request.stored && !request.stored->gzip_body) size = std::max(size, request.stored->body->size());
    if (size >= worth_another_thread) {
      co_await elsewhere(helpers_, judge_it);
    } else {
      judge_it();
    }
    keep(request, *outcome, started_at);
    note_size(request, *outcome);
    co_return Landing{std::move(outcome), false, std::move(content)};
  } catch (...) {
    logging_failure("fetching")(std::current_exception());
  }
  co_return Landing{std::make_shared<Outcome>(failed_fetch()), false, nullptr};
}

bool Flights::is_known_as_large(const FetchRequest& request) const {
  if (large_until_.empty()) return false;
  const auto found = large_until_.find(request.key.hash());
  return found != large_until_.end() && clock_.steady_now() < found->second;
}

void Flights::note_size(const FetchRequest& request, const Outcome& outcome) {
  if (!outcome.too_large) {
    if (!large_until_.empty()) large_until_.erase(request.key.hash());
    return;
  }
  if (large_until_.size() >= max_large) large_until_.clear();
  large_until_[request.key.hash()] = clock_.steady_now() + memory_of_large;
}

/// Puts into the store what is to go there, unless it has been purged or made invalid since it was asked for.
void Flights::keep(const FetchRequest& request, Outcome& outcome, SteadyTime started_at) {
  for (const auto& target : outcome.invalidated) end_stored(target, request.route);
  // What an unsafe method brought is newer than the invalidation that it caused itself.
  // Of what was looked up when the request came, and may have been invalidated before it was sent, nothing
  // comes back either.
  const SteadyTime looked_up_at = std::min(started_at, request.received_at);
  if (outcome.invalidated.empty() && invalidated_since(request, looked_up_at)) {
    outcome.stored = false;
    outcome.to_store.clear();
  }
  if (request.http && request.http->method == "HEAD") drop_outdated(request, outcome);
  constexpr std::size_t usual_subjects = 4;
  boost::container::small_vector<caching::Subject, usual_subjects> subjects;
  subjects.push_back(subject_of(request));
  for (const auto& response : outcome.to_store) subjects.push_back(caching::subject_of(*response));
  const bool put = purges_.put_unless_purged({subjects.data(), subjects.size()}, started_at, [&] {
    for (const auto& response : outcome.to_store) {
      store_.put(response);
      // A later invalidation must take another generation, whatever the clock says then.
      if (caching::VariantIndex::is_index(*response))
        last_generation_ = std::max(last_generation_, response->fetched_at);
    }
  });
  if (!put) outcome.stored = false;
  if (outcome.kind == AnswerKind::not_json) {
    spdlog::warn("not JSON: route={} key={} status={}: the upstream's answer is not kept", request.route,
                 caching::to_hex(request.key.hash()), outcome.upstream_status);
  }
  if (outcome.stored && outcome.restates) note_restatement(*outcome.response);
}

/// A HEAD flies beside others: what it has looked up, and would put back freshened, may have been replaced.
void Flights::drop_outdated(const FetchRequest& request, Outcome& outcome) {
  const auto is_outdated = [&](const caching::StoredResponsePtr& response) {
    const auto there = store_.usage_of(response->key.hash()).response;
    return there && there != request.stored;
  };
  if (std::erase_if(outcome.to_store, is_outdated) > 0) outcome.stored = false;
}

void Flights::note_restatement(const caching::StoredResponse& response) {
  restatements_.fetch_add(1, std::memory_order_relaxed);
  spdlog::info("restated: route={} key={} account={} times={} moved=[{}]", response.route.view(),
               caching::to_hex(response.key.hash()), response.account_id.view(), response.restated->times,
               names_of(response.restated->moved));
}

/// Ends what is stored for a target on an http route, variants and all, and keeps fetches that are under way
/// from bringing it back.
void Flights::end_stored(const caching::Key& target, std::string_view route) {
  if (invalidated_.size() >= max_invalidated) {
    invalidated_.clear();
    all_invalidated_at_ = clock_.steady_now();
  }
  invalidated_[target.hash()] = clock_.steady_now();
  // No two generations are the same, also where the clock stands still or has been set back.
  last_generation_ = std::max(clock_.wall_now(), last_generation_) + std::chrono::milliseconds{1};
  store_.put(caching::VariantIndex(last_generation_).to_stored(target, route));
}

bool Flights::invalidated_since(const FetchRequest& request, SteadyTime started_at) const {
  if (!request.http) return false;
  const auto found = invalidated_.find(request.http->target.hash());
  return all_invalidated_at_ >= started_at || (found != invalidated_.end() && found->second >= started_at);
}

void Flights::land(const FlightPtr& flight, const FetchRequest& request, OutcomePtr outcome) {
  flight->outcome = std::move(outcome);
  flight->landed_at = clock_.steady_now();
  if (flight->landing) flight->landing->cancel();
  landed_.push_back(flight);
  forget_landed(flight->landed_at);
  if (flight->outcome->stored) ahead_.has_stored(request, *flight->outcome->response, flight->asks);
}

void Flights::forget_landed(SteadyTime now) {
  const SteadyTime limit = now - memory_of_landed;
  while (!landed_.empty() && (landed_.front()->landed_at < limit || landed_.size() > max_landed)) {
    const auto found = flights_.find(landed_.front()->key.hash());
    if (found != flights_.end() && found->second == landed_.front()) flights_.erase(found);
    landed_.pop_front();
  }
}

}  // namespace roktcached::exchange
