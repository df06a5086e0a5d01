#include "server/proxy/fetch/shared_fetches.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

#include "tests/unit/server/proxy/fetch/fetch_table_fixture.h"

namespace roktcached::proxy {
namespace {

/// Other instances, as the test has them: each join waits for its answer.
class FakeSharedFetches final : public SharedFetches {
 public:
  explicit FakeSharedFetches(boost::asio::io_context& context) : gate_(context, SteadyTime::max()) {}

  boost::asio::awaitable<Joined> join(const FetchRequest& request, upstream::Turn& turn) override {
    asked.emplace_back(request.key.text());
    last_turn = &turn;
    const std::size_t round = rounds_;
    while (rounds_ == round && !at_once) co_await gate_.async_wait(as_result);
    if (throws) throw std::runtime_error("nobody is to be asked");
    Joined joined;
    joined.outcome = outcome;
    joined.stored = stored;
    if (!outcome && gives_duty) joined.duty = std::make_unique<CountedDuty>(*this);
    co_return joined;
  }
  void answer() {
    ++rounds_;
    gate_.cancel();
  }

  bool at_once = true;
  bool gives_duty = true;
  bool throws = false;
  FetchOutcomePtr outcome;
  caching::StoredResponsePtr stored;
  std::vector<std::string> asked;
  std::vector<FetchOutcomePtr> told;  // null: a duty that was given up
  upstream::Turn* last_turn = nullptr;

 private:
  class CountedDuty final : public Duty {
   public:
    explicit CountedDuty(FakeSharedFetches& all) : all_(all) {}
    ~CountedDuty() override {
      if (!has_ended_) all_.told.push_back(nullptr);
    }
    CountedDuty(const CountedDuty&) = delete;
    CountedDuty& operator=(const CountedDuty&) = delete;
    void end(const FetchOutcomePtr& ended) override {
      has_ended_ = true;
      all_.told.push_back(ended);
    }

   private:
    FakeSharedFetches& all_;
    bool has_ended_ = false;
  };

  boost::asio::steady_timer gate_;
  std::size_t rounds_ = 0;
};

class SharedFetchesTest : public FetchTableTest {
 protected:
  Answer ask(FetchRequest fetch) {
    return spawned(table.join(std::make_unique<FetchRequest>(std::move(fetch)), ticket()));
  }
  [[nodiscard]] FetchTable::TicketPtr ticket() { return std::make_shared<FetchTable::Ticket>(table); }
  /// What another instance has fetched, or failed to.
  FetchOutcomePtr others(const std::string& key, const std::string& body) {
    caching::StoredResponse response;
    response.key = caching::Key(key);
    response.status = 200;
    response.body = caching::share_body(body);
    response.fetched_at = clock.wall_now();
    response.fresh_until = response.fetched_at + 1h;
    response.usable_until = response.fetched_at + 2h;
    auto outcome = std::make_shared<FetchOutcome>();
    outcome->response = caching::share(std::move(response));
    outcome->to_store = {outcome->response};
    outcome->storing = caching::Storing::stored;
    outcome->upstream_status = 200;
    outcome->of_fleet = true;
    return outcome;
  }
  [[nodiscard]] caching::StoredResponsePtr stored_here(const std::string& key) {
    return store.find(caching::Key(key), clock.wall_now()).value();
  }

  FakeSharedFetches shared{context};
  FetchTable table{
      context.get_executor(), helpers.get_executor(), upstream, store, bodies, 1 << 20, clock, &shared};
};

TEST_F(SharedFetchesTest, WhatAnotherHasFetchedIsStoredHereWithoutACall) {
  shared.outcome = others("a", "theirs");
  const Answer answer = ask(request("a"));
  ASSERT_TRUE(*answer);
  EXPECT_EQ(*(*answer)->outcome->response->body, "theirs");
  ASSERT_NE(stored_here("a"), nullptr);
  EXPECT_EQ(*stored_here("a")->body, "theirs");
  EXPECT_TRUE(upstream.requests.empty());
  EXPECT_TRUE(shared.told.empty());
}

TEST_F(SharedFetchesTest, APurgeWhileTheOthersWereAskedKeepsTheirAnswerOut) {
  shared.at_once = false;
  const Answer answer = ask(request("a"));
  ASSERT_FALSE(*answer);
  ASSERT_TRUE(table.purge({caching::Everything{}, caching::PurgeKind::hard}));
  shared.outcome = others("a", "theirs");
  shared.answer();
  run();
  ASSERT_TRUE(*answer) << "who asked before the purge is answered";
  EXPECT_EQ(stored_here("a"), nullptr);
}

TEST_F(SharedFetchesTest, AFailureOfAnotherIsTheAnswerHere) {
  auto failed = std::make_shared<FetchOutcome>();
  failed->failure = dead().error();
  failed->of_fleet = true;
  shared.outcome = failed;
  const Answer answer = ask(request("a"));
  ASSERT_TRUE(*answer);
  ASSERT_TRUE((*answer)->outcome->failure);
  EXPECT_EQ((*answer)->outcome->failure->error.code, ErrorCode::upstream_unreachable);
  EXPECT_TRUE(upstream.requests.empty());
}

TEST_F(SharedFetchesTest, OneCallForAllWhoAskHereAndTheOthersAreToldOnce) {
  const Answer first = ask(request("a"));
  const Answer second = ask(request("a"));
  EXPECT_EQ(shared.asked.size(), 1U);
  EXPECT_TRUE(shared.told.empty());
  respond([] { return ok("ours"); });
  ASSERT_TRUE(*first && *second);
  ASSERT_EQ(shared.told.size(), 1U);
  ASSERT_NE(shared.told[0], nullptr);
  EXPECT_TRUE(shared.told[0]->stored());
  EXPECT_EQ(shared.told[0], (*first)->outcome);
}

TEST_F(SharedFetchesTest, AFailureHereIsToldOnce) {
  const Answer answer = ask(request("a"));
  respond(dead);
  ASSERT_TRUE(*answer);
  ASSERT_EQ(shared.told.size(), 1U);
  ASSERT_TRUE(shared.told[0]->failure);
}

TEST_F(SharedFetchesTest, AnExceptionIsToldOnceAndAnswered) {
  const Answer answer = ask(request("a"));
  respond([]() -> upstream::UpstreamResult { throw std::bad_alloc(); });
  ASSERT_TRUE(*answer);
  ASSERT_TRUE((*answer)->outcome->failure);
  ASSERT_EQ(shared.told.size(), 1U);
  ASSERT_NE(shared.told[0], nullptr);
  EXPECT_EQ(shared.told[0]->failure->error.code, ErrorCode::internal);
}

TEST_F(SharedFetchesTest, WhereAskingThrowsTheRequestIsAnsweredAllTheSame) {
  shared.throws = true;
  const Answer answer = ask(request("a"));
  ASSERT_TRUE(*answer);
  ASSERT_TRUE((*answer)->outcome->failure);
  EXPECT_TRUE(shared.told.empty());
  shared.throws = false;
  const Answer again = ask(request("b"));
  respond([] { return ok("ours"); });
  EXPECT_TRUE(*again);
}

TEST_F(SharedFetchesTest, WhatIsRecalledBeforeItIsSentAsksTheOthersAnew) {
  const Answer answer = ask(request("a"));
  ASSERT_EQ(shared.asked.size(), 1U);
  ASSERT_NE(shared.last_turn, nullptr);
  shared.last_turn->recall();
  shared.outcome = others("a", "theirs");
  respond([]() -> upstream::UpstreamResult {
    return upstream::UpstreamFailure{{ErrorCode::client_gone, true, "nobody waits", ErrorSource::upstream},
                                     {}};
  });
  ASSERT_TRUE(*answer);
  EXPECT_EQ(shared.asked.size(), 2U);
  ASSERT_EQ(shared.told.size(), 1U);
  EXPECT_EQ(shared.told[0], nullptr) << "the first duty was given up";
  ASSERT_TRUE((*answer)->outcome->response);
  EXPECT_EQ(*(*answer)->outcome->response->body, "theirs");
}

TEST_F(SharedFetchesTest, WhatIsRecalledAfterItWasAnsweredIsKept) {
  const Answer answer = ask(request("a"));
  shared.last_turn->recall();
  respond([] { return ok("ours"); });
  ASSERT_TRUE(*answer);
  EXPECT_EQ(shared.asked.size(), 1U);
  ASSERT_EQ(shared.told.size(), 1U);
  EXPECT_NE(stored_here("a"), nullptr);
}

TEST_F(SharedFetchesTest, WhatOthersHaveStoredIsRevalidatedWhereItIsNewer) {
  auto older = others("a", report_of("theirs"))->response;
  auto with_validator = std::make_shared<caching::StoredResponse>(*older);
  with_validator->validator = "If-None-Match: \"theirs\"";
  shared.stored = caching::share(std::move(*with_validator));
  const Answer answer = ask(request("a"));
  ASSERT_EQ(upstream.requests.size(), 1U);
  EXPECT_EQ(*upstream.requests[0].fields.find("If-None-Match"), "\"theirs\"");
  respond(bare_304);
  ASSERT_TRUE(*answer);
  EXPECT_EQ(*(*answer)->outcome->response->body, report_of("theirs"));
}

TEST_F(SharedFetchesTest, ARequestThatMayNotBeStoredNeverAsks) {
  FetchRequest secret = request("a");
  secret.may_store = false;
  const Answer answer = ask(std::move(secret));
  respond([] { return ok("ours"); });
  EXPECT_TRUE(*answer);
  EXPECT_TRUE(shared.asked.empty());
}

TEST_F(SharedFetchesTest, HttpRoutesNeverAsk) {
  FetchRequest file = http_request("/file");
  const Answer answer = spawned(table.join_http(std::move(file), FetchTable::Sharing::shared, ticket()));
  respond([] { return http_answer("max-age=60"); });
  ASSERT_TRUE(*answer);
  EXPECT_TRUE(shared.asked.empty());
}

TEST_F(SharedFetchesTest, WithoutADutyNobodyIsTold) {
  shared.gives_duty = false;
  const Answer answer = ask(request("a"));
  respond([] { return ok("ours"); });
  ASSERT_TRUE(*answer);
  EXPECT_NE(stored_here("a"), nullptr);
}

}  // namespace
}  // namespace roktcached::proxy
