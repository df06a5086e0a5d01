#include "server/proxy/fetch/refresh_ahead.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "server/asio.h"
#include "storage/memory/memory_store.h"
#include "tests/unit/server/fake_clock.h"

namespace roktcached::proxy {
namespace {

using namespace std::chrono_literals;

class IdleOrNot final : public upstream::Upstream {
 public:
  boost::asio::awaitable<upstream::UpstreamResult> send(const upstream::UpstreamRequest&) override {
    co_return upstream::UpstreamFailure{};
  }
  [[nodiscard]] bool idle(std::size_t credential) const override { return is_idle && credential != busy; }
  bool is_idle = true;
  std::size_t busy = 100;  // a credential
};

/// Refreshes begin when a test calls look(), and end when it says so.
class RefreshAheadTest : public testing::Test {
 protected:
  void put(const std::string& key, std::chrono::milliseconds lifetime, std::uint64_t asks,
           unsigned status = 200) {
    auto response = std::make_shared<caching::StoredResponse>();
    response->key = caching::Key(key);
    response->route = "campaign-overview";
    response->account_id = "7";
    response->campaign_id = "3";
    response->range_end = clock.wall - 1h;
    response->status = status;
    response->fetched_at = clock.wall;
    response->fresh_until = clock.wall + lifetime;
    response->usable_until = clock.wall + 24h;
    store.put(response);
    FetchRequest request;
    request.key = response->key;
    request.policy = policy;
    request.route = "campaign-overview";
    request.route_class = route_class;
    request.upstream.credential = credential;
    request.settings_number = settings_number;
    request.upstream.inject_token = false;
    request.upstream.fields.add("traceparent", "of the first");
    ahead.has_stored(request, *response, asks);
  }
  void ask(const std::string& key) { ASSERT_NE(store.find(caching::Key(key), clock.wall).value(), nullptr); }
  std::vector<std::string> look_after(std::chrono::milliseconds time) {
    clock.advance(time);
    begun.clear();
    ahead.look();
    context.restart();
    context.poll();
    return begun;
  }
  void end_all() {
    end.cancel();
    context.restart();
    context.poll();
  }
  boost::asio::awaitable<void> refresh(FetchRequest request) {
    begun.emplace_back(request.key.text());
    last = request;
    co_await end.async_wait(as_result);
  }

  using Keys = std::vector<std::string>;
  FakeClock clock;
  boost::asio::io_context context{1};
  boost::asio::steady_timer end{context, SteadyTime::max()};
  storage::MemoryStore store{1 << 20};
  IdleOrNot upstream;
  caching::FreshnessPolicy policy;
  rokt::RouteClass route_class = rokt::RouteClass::report;
  std::size_t credential = 1;
  std::uint64_t settings_number = 0;
  Keys begun;
  FetchRequest last;
  RefreshAhead ahead{context.get_executor(), store, upstream, clock,
                     [this](FetchRequest request) { return refresh(std::move(request)); }};
};

TEST_F(RefreshAheadTest, WhatIsAskedForEnoughIsRefreshedShortlyBeforeItExpires) {
  put("a", 5min, 1);
  ask("a");
  EXPECT_EQ(look_after(4min + 44s), Keys());
  EXPECT_EQ(look_after(1s), Keys{"a"});
  EXPECT_NE(last.stored, nullptr) << "what it has is revalidated";
  EXPECT_FALSE(last.upstream.fields.contains("traceparent"));
  EXPECT_EQ(look_after(1s), Keys()) << "once";
  EXPECT_EQ(ahead.begun(), 1U);
  end_all();
}

TEST_F(RefreshAheadTest, AsksForWhatTheFirstRequestHasAskedFor) {
  route_class = rokt::RouteClass::metadata;
  policy.open = 17min;
  put("default /reporting/accounts/7/campaigns/3/overview?a=1&b=%20 alpha", 5min, 2);
  policy = {};
  EXPECT_EQ(look_after(4min + 50s).size(), 1U);
  EXPECT_EQ(last.key, last.stored->key);
  EXPECT_EQ(last.route, "campaign-overview");
  EXPECT_EQ(last.account_id, "7");
  EXPECT_EQ(last.campaign_id, "3");
  EXPECT_EQ(last.range_end, last.stored->range_end);
  EXPECT_EQ(last.route_class, rokt::RouteClass::metadata);
  EXPECT_EQ(last.policy.open, 17min) << "each its own";
  EXPECT_TRUE(last.may_store);
  EXPECT_EQ(last.received_at, clock.steady);
  EXPECT_EQ(last.upstream.method, "GET");
  EXPECT_EQ(last.upstream.target, "/reporting/accounts/7/campaigns/3/overview?a=1&b=%20");
  EXPECT_EQ(last.upstream.fields.to_lines(), "rokt-version: alpha\r\n");
  EXPECT_EQ(last.upstream.route, "campaign-overview");
  EXPECT_EQ(last.upstream.credential, 1U);
  EXPECT_FALSE(last.upstream.inject_token);
  end_all();
}

TEST_F(RefreshAheadTest, AVersionThatWasNotAskedForIsNotSent) {
  put("default /reporting/accounts/7 LATEST", 5min, 2);
  EXPECT_EQ(look_after(4min + 50s).size(), 1U);
  EXPECT_TRUE(last.upstream.fields.empty());
  end_all();
}

TEST_F(RefreshAheadTest, WhatIsAskedForTooLittleOrIsNoReportIsLeftToExpire) {
  put("once", 5min, 1);
  put("missing", 5min, 9, 404);
  policy.refresh_ahead_uses = 0;
  put("never", 5min, 9);
  EXPECT_EQ(look_after(4min + 50s), Keys());
}

TEST_F(RefreshAheadTest, WhatHasBeenReplacedPurgedOrHasExpiredIsNotRefreshed) {
  put("replaced", 5min, 9);
  put("purged", 5min, 9);
  put("expired", 5min, 9);
  put("softly", 5min, 9);
  clock.advance(1min);
  put("replaced", 1h, 9);
  const auto purge = [&](const char* key, caching::PurgeKind kind) {
    EXPECT_EQ(store.purge({caching::WithKey{caching::Key(key).hash()}, kind}, clock.wall).value(), 1U);
  };
  purge("purged", caching::PurgeKind::hard);
  purge("softly", caching::PurgeKind::soft);
  EXPECT_EQ(look_after(3min + 50s), Keys{"expired"}) << "the only one left that is fresh";
  end_all();
  put("late", 5min, 9);
  EXPECT_EQ(look_after(5min), Keys());
}

TEST_F(RefreshAheadTest, ABusyUpstreamComesFirst) {
  put("a", 5min, 2);
  upstream.is_idle = false;
  EXPECT_EQ(look_after(4min + 50s), Keys());
  upstream.is_idle = true;
  EXPECT_EQ(look_after(1s), Keys{"a"});
  end_all();
}

TEST_F(RefreshAheadTest, ManyGoAFewAtATime) {
  for (const char* key : {"a", "b", "c", "d", "e"}) put(key, 5min, 2);
  EXPECT_EQ(look_after(4min + 50s).size(), 2U);
  begun.clear();
  end_all();
  EXPECT_EQ(begun.size(), 2U) << "the next begin when the first have ended";
  begun.clear();
  end_all();
  EXPECT_EQ(begun.size(), 1U);
  end_all();
  EXPECT_EQ(ahead.begun(), 5U);
}

TEST_F(RefreshAheadTest, OfTooManyThoseThatFallDueFirstAreRemembered) {
  for (int i = 0; i < 16'384; ++i) put("other " + std::to_string(i), 2h, 0);
  put("first", 1h, 2);
  put("too late", 3h, 2);
  EXPECT_EQ(look_after(59min), Keys{"first"});
  end_all();
  clock.advance(2h);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(look_after(0ms), Keys());
}

TEST_F(RefreshAheadTest, NothingIsBegunOnceItIsStopped) {
  put("a", 5min, 2);
  ahead.stop();
  put("b", 5min, 2);
  EXPECT_EQ(look_after(4min + 50s), Keys());
  context.restart();
  EXPECT_EQ(context.run(), 0U) << "no timer keeps the thread";
}

TEST_F(RefreshAheadTest, AClockThatJumpsBackDelaysAndOneThatJumpsAheadSkips) {
  put("a", 5min, 2);
  clock.wall -= 24h;
  EXPECT_EQ(look_after(5min), Keys());
  clock.wall += 48h;
  EXPECT_EQ(look_after(0ms), Keys());
}

TEST_F(RefreshAheadTest, ABusyCredentialKeepsNoOtherWaiting) {
  put("of a busy one", 5min, 2);
  credential = 2;
  put("of another", 5min + 1s, 2);
  upstream.busy = 1;
  EXPECT_EQ(look_after(4min + 50s), Keys{"of another"});
  upstream.busy = 2;
  EXPECT_EQ(look_after(1s), Keys{"of a busy one"}) << "it has not been forgotten";
  end_all();
}

TEST_F(RefreshAheadTest, WhatWasFetchedUnderEarlierSettingsIsLeftToExpire) {
  settings_number = 1;
  put("before", 5min, 2);
  ahead.forget_all(2);
  put("begun before", 5min, 2);
  settings_number = 2;
  put("after", 5min, 2);
  EXPECT_EQ(look_after(4min + 50s), Keys{"after"});
  EXPECT_EQ(last.settings_number, 2U);
  end_all();
}

}  // namespace
}  // namespace roktcached::proxy
