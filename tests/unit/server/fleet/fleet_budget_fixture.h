#pragma once

#include <gtest/gtest.h>

#include <string>

#include "server/fleet/fleet_budget.h"
#include "tests/unit/server/fake_clock.h"
#include "tests/unit/server/fleet/fake_engine.h"

namespace roktcached::fleet {

using namespace std::chrono_literals;  // NOLINT(google-global-names-in-headers)
using std::chrono::microseconds;
using std::chrono::milliseconds;

class FleetBudgetFixture : public testing::Test {
 protected:
  FleetBudgetFixture() {
    budget.change(10, 20);
    budget.start([this] { ++changed; });
  }
  ~FleetBudgetFixture() override { end_asking(); }
  void end_asking() {
    engine.go_away();
    run_what_can(context);
    engine.is_together = true;
  }
  /// What the script returns.
  struct Said {
    bool granted = true;
    microseconds wait{0};
    std::int64_t due_us = 1'000'000;
    std::string rate = "8";
    std::string free = "3";
    int limited = 0;
    int cuts = 0;
  };
  static EngineReply reply_of(const Said& said) {
    return list_reply({number_reply(said.granted ? 1 : 0), text_reply(std::to_string(said.wait.count())),
                       text_reply(std::to_string(said.due_us)), text_reply(said.rate), text_reply(said.free),
                       text_reply(std::to_string(said.limited)), text_reply(std::to_string(said.cuts))});
  }
  void want(std::size_t waiting, bool can_wait = false) {
    budget.want(waiting, can_wait);
    run_what_can(context);
  }
  void say(const Said& said) {
    engine.reply("budget", reply_of(said));
    run_what_can(context);
  }
  void grant(milliseconds wait) {
    want(1);
    say({.wait = wait});
  }
  [[nodiscard]] std::size_t asked() const { return engine.count("budget"); }
  [[nodiscard]] const Words& latest() const { return engine.heard("budget").back()->arguments; }
  bool take() { return budget.take(clock.steady); }

  asio::io_context context{1};
  FakeClock clock;
  FakeEngine engine{context};
  Crew crew{0, credential_of_tests(), "https://api.rokt.com", {}};
  Members members{.present = 2, .known = 3};
  FleetBudget budget{context.get_executor(), engine, crew, members, 0, "owner", clock};
  int changed = 0;
};

}  // namespace roktcached::fleet
