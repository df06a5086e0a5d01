#include <charconv>
#include <utility>

#include "server/asio.h"
#include "server/fleet/flight.h"
#include "server/fleet/shared_answer.h"
#include "server/worker_pool.h"

namespace roktcached::fleet {

using caching::Storing;
using proxy::FetchOutcome;
using proxy::FetchOutcomePtr;
using proxy::FetchRequest;
using std::chrono::milliseconds;

namespace {

/// How far the clocks of two instances may be apart.
constexpr milliseconds clocks_apart{10000};

proxy::AnswerKind kind_of(const caching::StoredResponse& response) {
  constexpr unsigned ok = 200;
  return response.status == ok ? proxy::AnswerKind::report : proxy::AnswerKind::other;
}

/// The reason why the instance that has fetched an answer has not stored it.
Storing storing_of(std::string_view number) {
  unsigned value = 0;
  std::from_chars(number.data(), number.data() + number.size(), value);
  const bool known = value > 0 && value < caching::storing_count;
  return known ? static_cast<Storing>(value) : Storing::no_answer;
}

}  // namespace

asio::awaitable<FetchOutcomePtr> FleetFlights::take_entry(const FetchRequest& request, Flight& flight) {
  auto response = co_await read_entry(request, flight);
  if (!response) co_return nullptr;
  // An engine that lies could give an older one.
  const bool is_newer = !request.stored || response->fetched_at > request.stored->fetched_at;
  if (!is_newer || response->fresh_until <= clock_.wall_now()) {
    ++counts_.refused;
    flight.refuse(std::to_string(unix_ms(response->fetched_at)));
    co_return nullptr;
  }
  ++counts_.taken;
  auto outcome = std::make_shared<FetchOutcome>();
  outcome->response = std::move(response);
  outcome->to_store = {outcome->response};
  outcome->storing = Storing::stored;
  outcome->kind = kind_of(*outcome->response);
  outcome->upstream_status = outcome->response->status;
  outcome->of_fleet = true;
  outcome->was_there = request.takes_stored;  // else only what has landed meanwhile is taken
  co_return outcome;
}

/// @return null if there is no answer that may be used
asio::awaitable<caching::StoredResponsePtr> FleetFlights::read_entry(const FetchRequest& request,
                                                                     Flight& flight) {
  const auto reply = co_await engine_.read_bulk(
      words("HMGET", flight.entry_key, "fence", "fetched", "fresh", "pos", "sealed"));
  if (!reply || reply->text_at(4).empty()) co_return nullptr;
  Sealed sealed{.fence = std::string(reply->text_at(0)),
                .fetched = std::string(reply->text_at(1)),
                .fresh = std::string(reply->text_at(2)),
                .begun = std::string(reply->text_at(3)),
                .text = std::string(reply->text_at(4))};
  const auto text = co_await open(flight, landed, sealed);
  if (!text) {
    ++counts_.refused;
    flight.refuse(sealed.fetched);
    co_return nullptr;
  }
  auto response = usable(request, flight, *text, sealed);
  if (!response) flight.refuse(sealed.fetched);
  co_return response;
}

asio::awaitable<std::optional<std::string>> FleetFlights::open(const Flight& flight, std::string_view kind,
                                                               Sealed sealed) {
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

/// The answer, if the sealed values are the same as those beside it, it answers the same question, and no
/// purge came since.
caching::StoredResponsePtr FleetFlights::usable(const FetchRequest& request, const Flight& flight,
                                                const std::string& text, const Sealed& sealed) {
  const auto read = read_response(text, max_body_, &bodies_);
  const bool matches =
      read && (*read)->key == request.key && std::to_string(unix_ms((*read)->fetched_at)) == sealed.fetched;
  if (matches) {
    const caching::Subject subject{request.key, request.route, request.account_id, request.campaign_id};
    if (log_.allows(flight.crew.credential, subject, StreamPosition::of(sealed.begun))) return *read;
  }
  ++counts_.refused;
  return nullptr;
}

/// The outcome of a fetch as the log has told it; null if the request has to ask again.
asio::awaitable<FetchOutcomePtr> FleetFlights::told(const FetchRequest& request, const Flight& flight,
                                                    Waiting& waiting) {
  const std::string kind = waiting.kind;
  const Sealed sealed = waiting.sealed;
  if (sealed.text.empty()) co_return nullptr;
  const auto text = co_await open(flight, kind, sealed);
  if (!text) {
    ++counts_.refused;
    co_return nullptr;
  }
  auto outcome = std::make_shared<FetchOutcome>();
  outcome->of_fleet = true;
  if (kind == failed) {
    const auto failure = read_failure(*text);
    if (!failure) co_return nullptr;
    outcome->failure = *failure;
    ++counts_.failed;
    co_return outcome;
  }
  outcome->response = usable(request, flight, *text, sealed);
  if (!outcome->response) co_return nullptr;
  if (outcome->response->fetched_at < waiting.since - clocks_apart) {  // told of before, and told again
    ++counts_.refused;
    co_return nullptr;
  }
  outcome->kind = kind_of(*outcome->response);
  outcome->upstream_status = outcome->response->status;
  outcome->storing = kind == landed ? Storing::stored : storing_of(sealed.fresh);
  if (outcome->stored()) outcome->to_store = {outcome->response};
  ++counts_.waited;
  co_return outcome;
}

}  // namespace roktcached::fleet
