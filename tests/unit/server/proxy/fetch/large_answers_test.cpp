#include <gtest/gtest.h>

#include "server/upstream/wire/large_content.h"
#include "tests/unit/server/proxy/fetch/fetch_table_fixture.h"

namespace roktcached::proxy {
namespace {

class LargeAnswersTest : public FetchTableTest {
 protected:
  /// An answer whose content comes in pieces; nothing of it is to come from a connection.
  upstream::UpstreamResult large(std::string content) {
    upstream::UpstreamResult result = answer_of({});
    result->too_large = true;
    result->large = std::make_shared<upstream::LargeContent>(std::move(content), nullptr);
    boost::asio::co_spawn(context, result->large->begin(), boost::asio::detached);
    context.poll();
    return result;
  }
  std::string content_of(const FetchResult& result) { return read_all(result.content).content; }
};

TEST_F(LargeAnswersTest, EveryoneWhoWaitsGetsTheWholeOfOneFromOneFetch) {
  std::vector<Answer> answers;
  for (int i = 0; i < 3; ++i) answers.push_back(join(request("a")));
  respond([this] { return large("[1]"); });
  EXPECT_EQ(upstream.requests.size(), 1U);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    ASSERT_TRUE(*answers[i]);
    const FetchResult& result = **answers[i];
    EXPECT_TRUE(result.outcome->too_large());
    EXPECT_FALSE(result.outcome->stored());
    EXPECT_EQ(result.collapsed, i > 0);
    EXPECT_FALSE(gives_way(*result.outcome)) << "it is newer than what is stored";
    ASSERT_TRUE(result.content);
    EXPECT_EQ(content_of(result), "[1]");
  }
  EXPECT_EQ(store.find(caching::Key("a"), clock.wall_now()).value(), nullptr);
}

TEST_F(LargeAnswersTest, AKeyThatBroughtOneIsNotRefreshedForAMinute) {
  const Answer first = join(request("a"));
  respond([this] { return large("[1]"); });
  clock.advance(10s);
  fetches.refresh_behind(request("a"));
  run();
  EXPECT_EQ(upstream.requests.size(), 1U);
  clock.advance(61s);
  fetches.refresh_behind(request("a"));
  run();
  EXPECT_EQ(upstream.requests.size(), 2U);
  respond([] { return ok("small"); });
}

TEST_F(LargeAnswersTest, WhoComesWhenItsBeginningIsGoneFetchesForItself) {
  const FetchRequest late = request("a");
  const Answer first = join(request("a"));
  clock.advance(10ms);
  respond([this] { return large("[1]"); });
  EXPECT_EQ(content_of(**first), "[1]");
  const Answer second = join(late);
  EXPECT_EQ(upstream.requests.size(), 2U);
  respond([this] { return large("[2]"); });
  ASSERT_TRUE(*second);
  EXPECT_EQ(content_of(**second), "[2]");
}

TEST_F(LargeAnswersTest, OneThatHasBecomeSmallIsStoredAndSharedAgain) {
  const Answer first = join(request("a"));
  respond([this] { return large("[1]"); });
  clock.advance(1s);
  const Answer small = join(request("a"));
  respond([] { return ok("small"); });
  EXPECT_TRUE((*small)->outcome->stored());
  clock.advance(2s);
  fetches.refresh_behind(request("a"));
  run();
  EXPECT_EQ(upstream.requests.size(), 3U) << "and refreshed again";
  respond([] { return ok("small"); });
  clock.advance(2s);
  const Answer one = join(request("a"));
  const Answer two = join(request("a"));
  EXPECT_EQ(upstream.requests.size(), 4U);
  respond([] { return ok("small"); });
  EXPECT_TRUE((*two)->collapsed);
}

TEST_F(LargeAnswersTest, OneThatBeginsAsNoJsonGivesWay) {
  const Answer page = join(request("a"));
  respond([this] { return large("<html>"); });
  EXPECT_TRUE((*page)->outcome->too_large());
  EXPECT_TRUE(gives_way(*(*page)->outcome));
}

}  // namespace
}  // namespace roktcached::proxy
