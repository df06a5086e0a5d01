#include "server/fleet/fleet_flights.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <charconv>
#include <random>
#include <utility>

#include "server/asio.h"
#include "server/background.h"
#include "server/fleet/shared_answer.h"
#include "server/log_event.h"
#include "server/worker_pool.h"

namespace roktcached::fleet {

using caching::Storing;
using proxy::FetchOutcome;
using proxy::FetchOutcomePtr;
using proxy::FetchRequest;
using std::chrono::milliseconds;
using upstream::Turn;

namespace {

/// Beyond the end of a lease, so that those who wait for it do not all come at once.
constexpr int longest_jitter_ms = 50;
bool is_interactive(const FetchRequest& request, const Turn& turn) {
  return request.upstream.priority == upstream::Priority::interactive || turn.is_interactive();
}

proxy::AnswerKind kind_of(const caching::StoredResponse& response) {
  constexpr unsigned ok = 200;
  return response.status == ok ? proxy::AnswerKind::report : proxy::AnswerKind::other;
}

/// Why an answer was not stored by whoever has fetched it.
Storing storing_of(std::string_view number) {
  unsigned value = 0;
  std::from_chars(number.data(), number.data() + number.size(), value);
  const bool known = value > 0 && value < caching::storing_count;
  return known ? static_cast<Storing>(value) : Storing::no_answer;
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
    do_surely("telling the fleet of an answer", [&] {
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
                           std::size_t max_body, const Clock& clock)
    : executor_(std::move(executor)),
      helpers_(std::move(helpers)),
      engine_(engine),
      log_(log),
      crews_(crews),
      owner_(std::move(owner)),
      max_body_(max_body),
      clock_(clock) {}

asio::awaitable<FleetFlights::Joined> FleetFlights::join(const FetchRequest& request, Turn& turn) {
  const Crew& crew = *crews_.at(request.upstream.credential);
  return join_others(request, turn, std::make_shared<Flight>(crew, request.key, turn));
}

Words FleetFlights::flight_arguments(const FetchRequest& request, bool takes_stored, bool urgent) const {
  const WallTime newer_than = request.stored ? request.stored->fetched_at : WallTime{};
  return {owner_,
          std::to_string(unix_ms(clock_.wall_now())),
          takes_stored ? "1" : "0",
          std::to_string(unix_ms(newer_than)),
          std::to_string(flight_lease.count()),
          urgent ? "1" : "0"};
}

asio::awaitable<FleetFlights::Joined> FleetFlights::join_others(const FetchRequest& request, Turn& turn,
                                                                FlightPtr flight) {
  const Crew& crew = flight->crew;
  Waiting waiting(executor_);
  // From before the engine is asked: the log may be faster than its answer.
  struct Seat {
    std::unordered_map<std::string, Waiting*>& all;
    const std::string key;
    ~Seat() { all.erase(key); }
  };
  const Seat seat{waiting_, flight->entry_key};
  waiting_[seat.key] = &waiting;
  flight->begun = log_.heard(crew.credential);
  bool takes_stored = request.takes_stored;
  co_await engine_.settle();
  while (engine_.usable() && !turn.unwanted()) {
    waiting.kind.clear();
    const auto reply = co_await engine_.run(
        flight_script,
        words(flight->entry_key, flight->flight_key, crew.fences_key, crew.purges_key, crew.flights_key),
        flight_arguments(request, takes_stored, is_interactive(request, turn)));
    if (!reply) break;
    const std::string_view kind = reply->text_at(0);
    const StreamPosition last_purge = StreamPosition::of(reply->text_at(2));
    if (kind == "lead") {
      flight->fence = reply->text_at(1);
      flight->begun = last_purge;
      own_.insert(flight);
      ++counts_.led;
      Joined joined{.duty = std::make_unique<OwnFlight>(*this, flight)};
      asio::co_spawn(executor_, keep(flight), logging_failure("keeping a lease"));
      if (reply->text_at(3) == "1") joined.stored = co_await read_entry(request, *flight);
      co_return joined;
    }
    const bool heard = co_await log_.hear(crew.credential, last_purge, turn);
    if (!heard) break;
    if (kind == "stored") {
      auto outcome = co_await take_entry(request, *flight);
      if (outcome) co_return Joined{.outcome = std::move(outcome)};
      takes_stored = false;
      continue;
    }
    co_await wait(waiting, turn, milliseconds{reply->number_at(3)});
    if (waiting.kind.empty()) continue;  // the lease has ended, perhaps
    auto outcome = co_await told(request, *flight, waiting);
    if (outcome) co_return Joined{.outcome = std::move(outcome)};
    // What has landed since the request came is new enough for it.
    takes_stored = waiting.kind == told::landed && waiting.sealed.text.empty();
  }
  co_return Joined{.duty = fetch_alone(std::move(flight))};
}

std::unique_ptr<FleetFlights::Duty> FleetFlights::fetch_alone(FlightPtr flight) {
  ++counts_.alone;
  own_.insert(flight);
  return std::make_unique<OwnFlight>(*this, std::move(flight));
}

asio::awaitable<void> FleetFlights::wait(Waiting& waiting, Turn& turn, milliseconds left) {
  waiting.timer.expires_at(clock_.steady_now() + left + jitter());
  const Turn::Watch watch(&turn, [&waiting] { waiting.timer.cancel(); });
  if (waiting.kind.empty()) co_await waiting.timer.async_wait(as_result);
}

void FleetFlights::take(std::size_t crew, const LogEntry& event) {
  const auto found = waiting_.find(fmt::format("{}e:{}", crews_[crew]->prefix, event["h"]));
  if (found == waiting_.end()) return;
  Waiting& waiting = *found->second;
  waiting.kind = event["k"];
  waiting.sealed = {.fence = std::string(event["f"]),
                    .fetched = std::string(event["fetched"]),
                    .fresh = std::string(event["fresh"]),
                    .begun = std::string(event["pos"]),
                    .text = std::string(event["b"])};
  waiting.timer.cancel();
}

/// Whoever flies alone joins the others: what has not been sent begins anew, what is under way is told of.
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

asio::awaitable<FetchOutcomePtr> FleetFlights::take_entry(const FetchRequest& request, const Flight& flight) {
  auto response = co_await read_entry(request, flight);
  if (!response) co_return nullptr;
  ++counts_.taken;
  auto outcome = std::make_shared<FetchOutcome>();
  outcome->response = std::move(response);
  outcome->to_store = {outcome->response};
  outcome->storing = Storing::stored;
  outcome->kind = kind_of(*outcome->response);
  outcome->upstream_status = outcome->response->status;
  outcome->of_fleet = true;
  co_return outcome;
}

/// @return null where there is none that may be used
asio::awaitable<caching::StoredResponsePtr> FleetFlights::read_entry(const FetchRequest& request,
                                                                     const Flight& flight) {
  const auto reply = co_await engine_.read_bulk(
      words("HMGET", flight.entry_key, "fence", "fetched", "fresh", "pos", "sealed"));
  if (!reply || reply->text_at(4).empty()) co_return nullptr;
  SealedAnswer sealed{.fence = std::string(reply->text_at(0)),
                      .fetched = std::string(reply->text_at(1)),
                      .fresh = std::string(reply->text_at(2)),
                      .begun = std::string(reply->text_at(3)),
                      .text = std::string(reply->text_at(4))};
  const auto text = co_await open(flight, told::landed, sealed);
  if (!text) {
    ++counts_.refused;
    co_return nullptr;
  }
  co_return usable(request, flight, *text, sealed);
}

asio::awaitable<std::optional<std::string>> FleetFlights::open(const Flight& flight, std::string_view kind,
                                                               SealedAnswer sealed) {
  std::optional<std::string> text;
  const auto work = [&, sealer = flight.crew.answers] {
    text = sealer->open(sealed.text, flight.bound(kind, sealed));
  };
  if (sealed.text.size() >= worth_another_thread) {
    co_await run_on(helpers_, work);
  } else {
    work();
  }
  co_return text;
}

/// What is sealed says the same as what stands beside it, answers the same question, and no purge came since.
caching::StoredResponsePtr FleetFlights::usable(const FetchRequest& request, const Flight& flight,
                                                const std::string& text, const SealedAnswer& sealed) {
  const auto read = read_response(text, max_body_);
  const bool matches =
      read && (*read)->key == request.key && std::to_string(unix_ms((*read)->fetched_at)) == sealed.fetched;
  if (matches) {
    const caching::Subject subject{request.key, request.route, request.account_id, request.campaign_id};
    if (log_.allows(flight.crew.credential, subject, StreamPosition::of(sealed.begun))) return *read;
  }
  ++counts_.refused;
  return nullptr;
}

/// What the log has told, as the outcome of a fetch; null where the request has to ask again.
asio::awaitable<FetchOutcomePtr> FleetFlights::told(const FetchRequest& request, const Flight& flight,
                                                    Waiting& waiting) {
  const std::string kind = waiting.kind;
  const SealedAnswer sealed = waiting.sealed;
  if (sealed.text.empty()) co_return nullptr;
  const auto text = co_await open(flight, kind, sealed);
  if (!text) {
    ++counts_.refused;
    co_return nullptr;
  }
  auto outcome = std::make_shared<FetchOutcome>();
  outcome->of_fleet = true;
  if (kind == told::failed) {
    const auto failure = read_failure(*text);
    if (!failure) co_return nullptr;
    outcome->failure = *failure;
    ++counts_.failed;
    co_return outcome;
  }
  outcome->response = usable(request, flight, *text, sealed);
  if (!outcome->response) co_return nullptr;
  outcome->kind = kind_of(*outcome->response);
  outcome->upstream_status = outcome->response->status;
  outcome->storing = kind == told::landed ? Storing::stored : storing_of(sealed.fresh);
  if (outcome->stored()) outcome->to_store = {outcome->response};
  ++counts_.waited;
  co_return outcome;
}

}  // namespace roktcached::fleet
