#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "server/fleet/fleet_flights.h"
#include "tests/unit/server/fleet/fleet_log_fixture.h"

namespace roktcached::fleet {

using namespace std::chrono_literals;  // NOLINT(google-global-names-in-headers)
using caching::Storing;
using proxy::FetchOutcome;
using proxy::FetchRequest;
using Joined = proxy::SharedFetches::Joined;

/// As the engine has it, beside what is sealed.
struct FlightEntry {
  std::string kind = "landed";
  std::string fence = "5";
  std::string fetched = {};  // as the response has it
  std::string fresh = {};
  std::string begun = "0-0";
};

class FleetFlightsFixture : public FleetLogFixture {
 protected:
  FleetFlightsFixture() {
    request.key = caching::Key("emea /a LATEST");
    request.route = "route";
    request.account_id = "7";
    turn.begin({"client", upstream::Priority::interactive}, clock.steady, 20s);
  }
  ~FleetFlightsFixture() override {
    flights.stop();
    engine.go_away();
    run();
  }
  upstream::Pending<Joined> join() {
    auto joined = upstream::begin(context, flights.join(request, turn));
    run();
    return joined;
  }
  void say(const std::string& to, EngineReply reply) {
    engine.reply(to, std::move(reply));
    run();
  }
  /// It is this instance's to fetch.
  Joined lead(const std::string& fence = "5", const std::string& last_purge = "0-0") {
    const auto joined = join();
    say("flight", texts_reply("lead", fence, last_purge, "0"));
    EXPECT_TRUE(*joined);
    return *joined ? std::move(**joined) : Joined();
  }
  /// Another instance is at it, and this one waits.
  upstream::Pending<Joined> wait_for_another() {
    auto joined = join();
    say("flight", texts_reply("flying", "5", "0-0", "1500"));
    EXPECT_FALSE(*joined);
    return joined;
  }
  [[nodiscard]] static bool is_alone(const upstream::Pending<Joined>& joined) {
    return *joined && !(**joined).outcome && (**joined).duty;
  }

  [[nodiscard]] std::string name() const { return crew().names.of(request.key.text()); }
  [[nodiscard]] std::string entry_key() const { return crew().prefix + "e:" + name(); }
  [[nodiscard]] std::string flight_key() const { return crew().prefix + "f:" + name(); }

  [[nodiscard]] caching::StoredResponse response(const std::string& body) const {
    caching::StoredResponse made;
    made.key = request.key;
    made.route = caching::Text(request.route);
    made.body = caching::share_body(body);
    made.fetched_at = clock.wall;
    made.fresh_until = clock.wall + 1h;
    made.usable_until = clock.wall + 24h;
    return made;
  }
  [[nodiscard]] std::string seal(const std::string& text, const FlightEntry& entry) const {
    return crew().answers->seal(text, entry.kind + "|" + crew().prefix + "|" + name() + "|" + entry.fence +
                                          "|" + entry.fetched + "|" + entry.fresh + "|" + entry.begun);
  }
  [[nodiscard]] static FlightEntry entry_of(const caching::StoredResponse& of, FlightEntry entry) {
    if (entry.fetched.empty()) entry.fetched = std::to_string(unix_ms(of.fetched_at));
    if (entry.fresh.empty()) entry.fresh = std::to_string(unix_ms(of.fresh_until));
    return entry;
  }
  /// What lies in the engine.
  [[nodiscard]] EngineReply stored(const caching::StoredResponse& of, const FlightEntry& as = {}) const {
    const FlightEntry entry = entry_of(of, as);
    return texts_reply(entry.fence, entry.fetched, entry.fresh, entry.begun, seal(written(of), entry));
  }
  /// What the log tells of this key.
  void tell(const FlightEntry& entry, const std::string& text, const std::string& of = "") {
    const EngineReply event = texts_reply("k", entry.kind, "h", of.empty() ? name() : of, "f", entry.fence,
                                          "fetched", entry.fetched, "fresh", entry.fresh, "pos", entry.begun,
                                          "b", text.empty() ? "" : seal(text, entry));
    flights.take(0, LogEntry{event});
    run();
  }
  void tell_response(const caching::StoredResponse& of, const FlightEntry& as = {}) {
    tell(entry_of(of, as), written(of));
  }
  static std::shared_ptr<FetchOutcome> outcome_of(caching::StoredResponse of,
                                                  Storing storing = Storing::stored) {
    auto outcome = std::make_shared<FetchOutcome>();
    outcome->response = caching::share(std::move(of));
    outcome->storing = storing;
    return outcome;
  }
  static std::shared_ptr<FetchOutcome> failure_of(ErrorCode code) {
    auto outcome = std::make_shared<FetchOutcome>();
    outcome->failure = upstream::UpstreamFailure{{code, true, "no", ErrorSource::upstream}, 3s};
    return outcome;
  }
  void end(Joined& joined, const proxy::FetchOutcomePtr& outcome) {
    joined.duty->end(outcome);
    run();
  }
  [[nodiscard]] const Words& latest(const std::string& script) const {
    return engine.heard(script).back()->arguments;
  }
  static std::string body_of(const upstream::Pending<Joined>& joined) {
    const bool has = *joined && (**joined).outcome && (**joined).outcome->response;
    return has ? std::string(*(**joined).outcome->response->body) : "none";
  }

  FetchRequest request;
  upstream::Turn turn;
  storage::BodyAccount bodies{std::uint64_t{1} << 24};
  FleetFlights flights{context.get_executor(),
                       context.get_executor(),
                       engine,
                       *log,
                       crews,
                       "owner",
                       std::size_t{1} << 20,
                       bodies,
                       clock};
};

}  // namespace roktcached::fleet
