#include "server/fleet/fleet_flights.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <random>
#include <utility>

#include "server/asio.h"
#include "server/background.h"
#include "server/fleet/flight.h"
#include "server/fleet/shared_answer.h"
#include "server/worker_pool.h"

namespace roktcached::fleet {

using proxy::FetchOutcomePtr;
using proxy::FetchRequest;
using std::chrono::milliseconds;
using upstream::Turn;

namespace {

constexpr milliseconds lease{2000};
constexpr milliseconds until_renewal{600};
/// How often a request asks again before it is fetched here after all: about a minute of an honest engine's
/// leases, and a second of what one can say that lies.
constexpr int most_rounds = 30;
/// Beyond the end of a lease, so that those who wait for it do not all come at once.
constexpr int longest_jitter_ms = 50;

/// Whether a failure concerns the other instances. Failures of the upstream do, and so does a spent budget:
/// otherwise those who wait would try one instance after the other. A failure of this instance's own memory
/// does not.
bool concerns_others(const Error& error) {
  return error.code == ErrorCode::upstream_unreachable || error.code == ErrorCode::upstream_timeout ||
         error.code == ErrorCode::upstream_invalid_response || error.code == ErrorCode::token_unavailable ||
         error.code == ErrorCode::upstream_budget_exhausted;
}

/// As the engine's scripts make them.
bool is_fence(std::string_view text) {
  constexpr std::size_t longest = 20;
  return !text.empty() && text.size() <= longest && text.find_first_not_of("0123456789") == text.npos;
}

/// Whether a flight began before another one. Fences are numbers that may be larger than ours are.
bool is_before(std::string_view fence, std::string_view other) {
  return fence.size() != other.size() ? fence.size() < other.size() : fence < other;
}

bool is_interactive(const FetchRequest& request, const Turn& turn) {
  return request.upstream.priority == upstream::Priority::interactive || turn.is_interactive();
}

milliseconds jitter() {
  thread_local std::minstd_rand random{std::random_device{}()};
  return milliseconds{std::uniform_int_distribution<int>(0, longest_jitter_ms)(random)};
}

}  // namespace

/// Ends the flight, whatever happens.
class FleetFlights::OwnFlight final : public proxy::SharedFetches::Duty {
 public:
  OwnFlight(FleetFlights& flights, FlightPtr flight) : flights_(flights), flight_(std::move(flight)) {}
  ~OwnFlight() override {
    if (!flight_->has_ended) end(nullptr);
  }
  OwnFlight(const OwnFlight&) = delete;
  OwnFlight& operator=(const OwnFlight&) = delete;

  void end(const FetchOutcomePtr& outcome) override {
    flight_->has_ended = true;
    flights_.own_.erase(flight_);
    if (flight_->fence.empty() || flights_.stopped_) return;
    retry_until_done("telling the fleet of an answer", [&] {
      asio::co_spawn(flights_.executor_, flights_.land(flight_, outcome),
                     logging_failure("telling the fleet of an answer"));
    });
  }

 private:
  FleetFlights& flights_;
  const FlightPtr flight_;
};

FleetFlights::FleetFlights(asio::any_io_executor executor, asio::any_io_executor helpers, Engine& engine,
                           FleetLog& log, const std::vector<std::unique_ptr<Crew>>& crews, std::string owner,
                           std::size_t max_body, storage::BodyAccount& bodies, const Clock& clock)
    : executor_(std::move(executor)),
      helpers_(std::move(helpers)),
      engine_(engine),
      log_(log),
      crews_(crews),
      owner_(std::move(owner)),
      max_body_(max_body),
      bodies_(bodies),
      clock_(clock) {}

asio::awaitable<FleetFlights::Joined> FleetFlights::join(const FetchRequest& request, Turn& turn) {
  const Crew& crew = *crews_.at(request.upstream.credential);
  return join_others(request, turn, std::make_shared<Flight>(crew, request, turn));
}

Words FleetFlights::flight_arguments(const Flight& flight, bool takes_stored, bool urgent) const {
  return {owner_,
          std::to_string(unix_ms(clock_.wall_now())),
          takes_stored ? "1" : "0",
          std::to_string(unix_ms(flight.later_than)),
          std::to_string(lease.count()),
          urgent ? "1" : "0"};
}

asio::awaitable<Result<EngineReply>> FleetFlights::ask(const Flight& flight, Words arguments) {
  const Crew& crew = flight.crew;
  return engine_.run(
      flight_script,
      words(flight.entry_key, flight.flight_key, crew.fences_key, crew.purges_key, crew.flights_key),
      std::move(arguments));
}

asio::awaitable<FleetFlights::Joined> FleetFlights::join_others(const FetchRequest& request, Turn& turn,
                                                                FlightPtr flight) {
  const Crew& crew = flight->crew;
  Waiting waiting(executor_);
  // Registered before the engine is asked: the log may be faster than the engine's answer.
  struct Seat {
    std::multimap<std::string, Waiting*>& all;
    const std::multimap<std::string, Waiting*>::iterator own;
    ~Seat() { all.erase(own); }
  };
  const Seat seat{waiting_, waiting_.emplace(flight->entry_key, &waiting)};
  flight->begun = log_.heard(crew.credential);
  bool takes_stored = request.takes_stored;
  waiting.since = clock_.wall_now();
  co_await engine_.settle();
  for (int round = 0; round < most_rounds && engine_.usable() && !turn.unwanted(); ++round) {
    waiting.kind.clear();
    waiting.flying.clear();
    const auto reply =
        co_await ask(*flight, flight_arguments(*flight, takes_stored, is_interactive(request, turn)));
    if (!reply) break;
    const std::string_view kind = reply->text_at(0);
    const StreamPosition last_purge = StreamPosition::of(reply->text_at(2));
    if (kind == "lead") {
      if (!is_fence(reply->text_at(1))) break;
      co_return co_await lead(request, std::move(flight), *reply);
    }
    const bool heard = co_await log_.hear(crew.credential, last_purge, turn);
    if (!heard) break;
    if (kind == "stored") {
      if (!takes_stored) break;
      const WallTime before = flight->later_than;
      auto outcome = co_await take_entry(request, *flight);
      if (outcome) co_return Joined{.outcome = std::move(outcome)};
      // The stored entry may be older than a purge. An entry that lands meanwhile is newer.
      takes_stored = flight->later_than > before;
      continue;
    }
    if (kind != "flying") break;  // no answer that it could give
    waiting.flying = reply->text_at(1);
    // The log lags: it may have told of an earlier flight meanwhile.
    if (is_before(waiting.sealed.fence, waiting.flying)) waiting.kind.clear();
    co_await wait(waiting, turn, reply->length_at(3, lease));
    if (waiting.kind.empty()) continue;  // the lease has ended, perhaps
    auto outcome = co_await told(request, *flight, waiting);
    if (outcome) co_return Joined{.outcome = std::move(outcome)};
    // An answer that has landed since the request came is new enough for it.
    takes_stored = request.takes_stored || waiting.kind == landed;
    if (!waiting.sealed.text.empty()) flight->refuse(waiting.sealed.fetched);
  }
  co_return Joined{.duty = fetch_alone(std::move(flight))};
}

/// @param reply  gives the flight to this instance
asio::awaitable<FleetFlights::Joined> FleetFlights::lead(const FetchRequest& request, FlightPtr flight,
                                                         const EngineReply& reply) {
  flight->fetched_from = clock_.wall_now();
  flight->fence = reply.text_at(1);
  flight->begun = StreamPosition::of(reply.text_at(2));
  own_.insert(flight);
  ++counts_.led;
  Joined joined{.duty = std::make_unique<OwnFlight>(*this, flight)};
  asio::co_spawn(executor_, keep(flight), logging_failure("keeping a lease"));
  if (reply.text_at(3) == "1") joined.stored = co_await read_entry(request, *flight);
  co_return joined;
}

std::unique_ptr<FleetFlights::Duty> FleetFlights::fetch_alone(FlightPtr flight) {
  ++counts_.alone;
  flight->fetched_from = clock_.wall_now();
  own_.insert(flight);
  return std::make_unique<OwnFlight>(*this, std::move(flight));
}

asio::awaitable<void> FleetFlights::wait(Waiting& waiting, Turn& turn, milliseconds left) {
  waiting.timer.expires_at(clock_.steady_now() + left + jitter());
  const Turn::Watch watch(&turn, [&waiting] { waiting.timer.cancel(); });
  if (waiting.kind.empty()) co_await waiting.timer.async_wait(as_result);
}

void FleetFlights::take(std::size_t crew, const LogEntry& event) {
  const auto [first, end] = waiting_.equal_range(fmt::format("{}e:{}", crews_[crew]->prefix, event["h"]));
  for (auto found = first; found != end; ++found) {
    Waiting& waiting = *found->second;
    if (is_before(event["f"], waiting.flying)) continue;
    waiting.kind = event["k"];
    waiting.sealed = {.fence = std::string(event["f"]),
                      .fetched = std::string(event["fetched"]),
                      .fresh = std::string(event["fresh"]),
                      .begun = std::string(event["pos"]),
                      .text = std::string(event["b"])};
    waiting.timer.cancel();
  }
}

/// Flights that were begun alone join the others. If the request has not been sent, it begins anew; if it is
/// under way, the others are told of it.
void FleetFlights::linked() {
  for (const auto& [key, waiting] : waiting_) waiting->timer.cancel();
  if (!engine_.together()) return;
  const std::set<FlightPtr> own = own_;
  for (const FlightPtr& flight : own) {
    if (flight->has_ended || !flight->fence.empty()) continue;
    if (!flight->turn.under_way()) {
      flight->turn.recall();
    } else {
      asio::co_spawn(executor_, adopt(flight), logging_failure("joining the fleet"));
    }
  }
}

void FleetFlights::stop() {
  stopped_ = true;
  for (const auto& [key, waiting] : waiting_) waiting->timer.cancel();
}

/// A flight that is under way gets a lease, unless another instance has one, or has fetched the key since.
/// Its answer is older than that one, and must not replace it.
asio::awaitable<void> FleetFlights::adopt(FlightPtr flight) {
  if (std::exchange(flight->adopting, true)) co_return;
  const auto reply = co_await ask(
      *flight, words(owner_, std::to_string(unix_ms(clock_.wall_now())), "1",
                     std::to_string(unix_ms(flight->fetched_from)), std::to_string(lease.count()), "1"));
  flight->adopting = false;
  if (!reply || reply->text_at(0) != "lead" || !is_fence(reply->text_at(1))) co_return;
  const bool is_new = flight->fence.empty();
  flight->fence = reply->text_at(1);
  if (flight->has_ended) {
    Sealed nothing;  // GCC 12 cannot make it within the expression that is awaited
    nothing.fence = flight->fence;
    co_return co_await tell(flight, std::string(ended), std::string(), nothing);
  }
  if (is_new) co_await keep(flight);
}

asio::awaitable<void> FleetFlights::keep(FlightPtr flight) {
  asio::steady_timer pause(executor_);
  while (!stopped_) {
    pause.expires_at(clock_.steady_now() + until_renewal);
    co_await pause.async_wait(as_result);
    if (flight->has_ended || stopped_) co_return;
    const std::string fence = flight->fence;
    const auto reply = co_await engine_.run(renew_script, words(flight->flight_key, flight->crew.flights_key),
                                            words(fence, std::to_string(lease.count())));
    if (flight->has_ended || stopped_) co_return;
    if (!reply) continue;
    if (reply->text_at(0) == "0") {
      co_await adopt(flight);
    } else if (reply->text_at(1) == "1") {
      flight->turn.join({{}, upstream::Priority::interactive}, clock_.steady_now());
    }
  }
}

asio::awaitable<void> FleetFlights::land(FlightPtr flight, FetchOutcomePtr outcome) {
  // An engine that has taken another's place may have lost the purge after which it began.
  Sealed sealed{.fence = flight->fence, .begun = flight->begun.text()};
  if (outcome && outcome->failure && concerns_others(outcome->failure->error))
    co_return co_await tell(flight, std::string(failed), written(*outcome->failure), sealed);
  if (!outcome || !outcome->response || outcome->too_large())
    co_return co_await tell(flight, std::string(ended), std::string(), sealed);
  const caching::StoredResponsePtr response = outcome->response;
  sealed.fetched = std::to_string(unix_ms(response->fetched_at));
  sealed.fresh = std::to_string(unix_ms(response->fresh_until));
  const milliseconds usable_for = response->usable_until - clock_.wall_now();
  if (!outcome->stored() || usable_for <= milliseconds::zero()) {
    std::string text;
    sealed.fresh = std::to_string(static_cast<unsigned>(outcome->storing));
    if (response->body->size() <= max_in_log) text = written(*response);
    co_return co_await tell(flight, std::string(answered), std::move(text), sealed);
  }
  const auto seal = [&, sealer = flight->crew.answers] {
    sealed.text = sealer->seal(written(*response), flight->bound(landed, sealed));
  };
  if (response->body->size() >= worth_another_thread) {
    co_await run_on(helpers_, seal);
  } else {
    seal();
  }
  const auto reply = co_await engine_.run_bulk(
      land_script,
      words(flight->entry_key, flight->flight_key, flight->crew.log_key, flight->crew.flights_key),
      words(sealed.fence, sealed.fetched, sealed.fresh, sealed.begun, std::to_string(usable_for.count()),
            sealed.text, flight->name, std::string(log_length), std::to_string(max_in_log)));
  if (reply) {
    if (reply->text == landed) ++counts_.landed;  // else a later fetch has been faster
  } else if (reply.error().code == ErrorCode::storage_full) {
    // The others are told all the same, where it is small.
    const bool is_small = std::exchange(sealed.text, {}).size() <= max_in_log;
    if (!is_small) co_return co_await tell(flight, std::string(ended), std::string(), sealed);
    co_await tell(flight, std::string(landed), written(*response), sealed);
  }
}

/// @param text    what is told, to be sealed; empty: that the others are to look again
/// @param sealed  the rest of it
asio::awaitable<void> FleetFlights::tell(FlightPtr flight, std::string kind, std::string text,
                                         Sealed sealed) {
  if (!text.empty()) sealed.text = flight->crew.answers->seal(text, flight->bound(kind, sealed));
  const auto reply = co_await engine_.run(
      tell_script, words(flight->flight_key, flight->crew.log_key, flight->crew.flights_key),
      words(sealed.fence, kind, flight->name, std::string(log_length), sealed.text, sealed.fetched,
            sealed.fresh, sealed.begun));
  static_cast<void>(reply);  // else the lease ends
}

}  // namespace roktcached::fleet
