#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "server/fleet/fleet_log.h"
#include "server/fleet/shared_answer.h"
#include "storage/memory/memory_store.h"
#include "tests/unit/server/fake_clock.h"
#include "tests/unit/server/fleet/fake_engine.h"
#include "tests/unit/server/upstream/wire/loopback.h"

namespace roktcached::fleet {

/// Knows what has been put into it.
class RecordingStore final : public storage::ResponseStore {
 public:
  [[nodiscard]] Result<storage::StoredResponsePtr> find(const caching::Key& key, WallTime now) override {
    if (fails && fails_silently) return storage::StoredResponsePtr();
    if (fails) return Error{ErrorCode::storage_unavailable, true, "no disk"};
    return kept_.find(key, now);
  }
  caching::Storing put(storage::StoredResponsePtr response) override {
    put_.push_back(response);
    return kept_.put(std::move(response));
  }
  [[nodiscard]] Result<std::uint64_t> purge(const caching::Purge& purge, WallTime now) override {
    return kept_.purge(purge, now);
  }
  [[nodiscard]] Result<std::vector<storage::EntrySummary>> list(const storage::Listing& wanted) override {
    return kept_.list(wanted);
  }
  [[nodiscard]] storage::Usage usage_of(const caching::KeyHash& hash) override {
    return kept_.usage_of(hash);
  }
  void flush() override { flushed_ = put_.size(); }
  [[nodiscard]] std::vector<storage::TierStatistics> statistics() const override {
    auto tiers = kept_.statistics();
    if (fails) tiers.front().trouble = "no disk";
    return tiers;
  }

  [[nodiscard]] FleetNote last_note() const { return *read_note(*put_.back()->body); }
  [[nodiscard]] bool is_on_disk() const { return flushed_ == put_.size(); }

  bool fails = false;
  bool fails_silently = false;  // what it cannot read is as if it were not there

 private:
  storage::MemoryStore kept_{std::uint64_t{1} << 20};
  std::vector<storage::StoredResponsePtr> put_;
  std::size_t flushed_ = 0;
};

/// One instance's log with an engine of the test's, which is honest unless the test has it lie.
class FleetLogFixture : public testing::Test {
 protected:
  /// What the engine knows.
  struct Known {
    std::string epoch = "an-epoch";
    std::string members = "3";
    std::vector<std::pair<std::string, std::string>> purges;  // with their sealed octets
    std::string last_of_log = "0-0";
    std::string forgotten = "0-0";
  };

  FleetLogFixture() {
    clock.steady += std::chrono::hours{1};  // no wait ends by itself
    crews.push_back(std::make_unique<Crew>(0, credential_of_tests(), "https://api.rokt.com",
                                           std::vector<config::Secret>()));
    engine.answer("member", [this](const FakeEngine::Command&) { return member_reply(); });
    engine.answer("XRANGE", [this](const FakeEngine::Command&) {
      std::vector<EngineReply> events;
      for (const auto& [position, sealed] : known.purges) events.push_back(purge_event(position, sealed));
      return list_reply(std::move(events));
    });
    engine.answer("XREVRANGE", [this](const FakeEngine::Command&) {
      return known.last_of_log == "0-0"
                 ? list_reply({})
                 : list_reply({list_reply({text_reply(known.last_of_log), texts_reply()})});
    });
    engine.answer("purge", [this](const FakeEngine::Command& command) {
      known.purges.emplace_back(next_position(), command.arguments[0]);
      return text_reply(known.purges.back().first);
    });
    make_log();
  }
  ~FleetLogFixture() override {
    log->stop();
    engine.go_away();
    purger_stands = false;
    run();
  }

  void make_log() {
    log = std::make_unique<FleetLog>(
        context.get_executor(), purger.get_executor(), engine, crews, store,
        [this](const caching::Purge& purge) -> Result<std::uint64_t> {
          shown_before = shown_done();
          if (purges_that_throw > 0) {
            --purges_that_throw;
            throw std::bad_alloc();
          }
          if (store_failures > 0) {
            --store_failures;
            return Error{ErrorCode::storage_unavailable, true, "no disk"};
          }
          done.push_back(purge);
          return store.purge(purge, clock.wall);
        },
        "this-one", clock);
    log->start([this](std::size_t, const LogEntry& event) { taken.emplace_back(event["k"]); });
  }
  /// As after a restart: of before there is what the store has.
  void restart() {
    log->stop();
    run();
    make_log();
  }
  void run() {
    std::size_t did = 0;
    do {
      context.restart();
      purger.restart();
      did = context.poll() + (purger_stands ? 0 : purger.poll());
    } while (did > 0);
  }
  /// The link is up.
  void greet() {
    engine.is_linking = true;
    const auto greeted = upstream::begin(context, log->greet());
    run();
    engine.is_linking = false;
    ASSERT_TRUE(*greeted && **greeted);
    engine.is_together = true;
  }
  /// The same, and the log is followed.
  void link() {
    greet();
    log->linked();
    run();
  }
  void lose_link() {
    engine.go_away();
    log->linked();
    run();
  }
  /// What the engine tells whoever follows it.
  void tell_purge(const std::string& position, const std::string& sealed) {
    tell_stream(crew().purges_key, purge_event(position, sealed));
  }
  void tell_stream(const std::string& key, EngineReply event) {
    answer_follower(list_reply({list_reply({text_reply(key), list_reply({std::move(event)})})}));
  }
  void answer_follower(EngineReply reply) {
    const auto waiting = engine.waiting("XREAD");
    ASSERT_FALSE(waiting.empty());
    waiting.back()->reply = Result<EngineReply>(std::move(reply));
    waiting.back()->answered.cancel();
    run();
  }
  /// The instance shows itself once more, as it does twice a second.
  void show_again() {
    log->linked();  // it begins with that
    run();
  }

  [[nodiscard]] EngineReply member_reply() const {
    return texts_reply(known.epoch, std::to_string(unix_ms(clock.wall)), "1", known.members,
                       known.purges.empty() ? "0-0" : known.purges.back().first, known.last_of_log,
                       known.forgotten);
  }
  static EngineReply purge_event(const std::string& position, const std::string& sealed) {
    return list_reply({text_reply(position), texts_reply("b", sealed)});
  }
  [[nodiscard]] std::string sealed(const caching::Purge& purge) const {
    return crew().purges.seal(written(purge), "purge|" + crew().prefix);
  }
  void add_purge(const std::string& position, const caching::Purge& purge) {
    known.purges.emplace_back(position, sealed(purge));
  }
  [[nodiscard]] std::string next_position() const {
    StreamPosition position;
    if (!known.purges.empty()) position = StreamPosition::of(known.purges.back().first);
    return StreamPosition{position.time_ms + 1, 0}.text();
  }
  static caching::Purge of_account(const std::string& account,
                                   caching::PurgeKind kind = caching::PurgeKind::hard) {
    return {caching::OfAccount{account, std::nullopt}, kind};
  }
  /// The accounts of purges; "all" where there is none.
  static std::vector<std::string> accounts_of(const std::vector<caching::Purge>& purges) {
    std::vector<std::string> accounts;
    for (const caching::Purge& purge : purges) {
      const auto* of = std::get_if<caching::OfAccount>(&purge.selection);
      accounts.push_back(of != nullptr ? of->account_id : std::string(caching::name_of(purge.selection)));
    }
    return accounts;
  }
  std::vector<std::string> accounts_done() { return accounts_of(std::exchange(done, {})); }
  /// What others have been told of.
  [[nodiscard]] std::vector<std::string> accounts_told() const {
    std::vector<caching::Purge> told;
    for (const auto& [position, octets] : known.purges)
      told.push_back(*read_purge(*crew().purges.open(octets, "purge|" + crew().prefix)));
    return accounts_of(told);
  }
  [[nodiscard]] const Crew& crew() const { return *crews.front(); }
  /// Up to where this instance has shown its purges as done.
  [[nodiscard]] std::string shown_done() const {
    const auto shown = engine.heard("member");
    return shown.empty() ? std::string("never") : shown.back()->arguments[4];
  }

  asio::io_context context{1};
  asio::io_context purger{1};
  bool purger_stands = false;
  FakeClock clock;
  FakeEngine engine{context};
  std::vector<std::unique_ptr<Crew>> crews;
  RecordingStore store;
  Known known;
  std::vector<caching::Purge> done;
  std::vector<std::string> taken;
  int store_failures = 0;
  int purges_that_throw = 0;
  std::string shown_before;  // the last purge
  std::unique_ptr<FleetLog> log;
};

}  // namespace roktcached::fleet
