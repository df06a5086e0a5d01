#include "server/proxy/cache_request.h"

#include <gtest/gtest.h>

namespace roktcached::proxy {
namespace {

http::Request request(std::string_view target, std::string_view method = "GET") {
  http::Request made;
  made.method = method;
  made.target = target;
  return made;
}

http::Request with(http::Request made, std::string_view name, std::string_view value) {
  made.fields.add(name, value);
  return made;
}

CacheRequestPtr cache_request() {
  return std::make_shared<const CacheRequest>();
}

TEST(CacheRequestMemory, KnowsTheSameRequestAgain) {
  CacheRequestMemory memory;
  const auto asked = with(request("/a?b=1"), "rokt-version", "x");
  const CacheRequestPtr known = cache_request();
  EXPECT_EQ(memory.find(asked), nullptr);
  memory.remember(asked, known);
  EXPECT_EQ(memory.find(asked), known);
  const auto other_case = with(request("/a?b=1"), "ROKT-VERSION", "x");
  EXPECT_EQ(memory.find(with(other_case, "User-Agent", "curl")), known) << "the rest says nothing of it";
  EXPECT_EQ(memory.find(with(asked, "Accept-Language", "de")), known) << "nor does the client's language";
}

TEST(CacheRequestMemory, KnowsNothingAnyMoreWhenItHasForgottenAll) {
  CacheRequestMemory memory;
  const CacheRequestPtr known = cache_request();
  memory.remember(request("/a"), known);
  memory.forget_all();
  EXPECT_EQ(memory.find(request("/a")), nullptr);
  EXPECT_EQ(known.use_count(), 1) << "what it points to is not in force any more";
}

TEST(CacheRequestMemory, TellsApartWhateverMatters) {
  CacheRequestMemory memory(1);  // all in one place
  const auto asked = with(request("/a?b=1"), "rokt-version", "x");
  memory.remember(asked, cache_request());
  EXPECT_EQ(memory.find(request("/a?b=1")), nullptr);
  EXPECT_EQ(memory.find(with(request("/a?b=1"), "rokt-version", "y")), nullptr);
  EXPECT_EQ(memory.find(with(request("/a?b=2"), "rokt-version", "x")), nullptr);
  EXPECT_EQ(memory.find(with(request("/a?b=1", "HEAD"), "rokt-version", "x")), nullptr);
  EXPECT_EQ(memory.find(with(asked, "rokt-version", "x")), nullptr) << "twice";
  EXPECT_EQ(memory.find(with(asked, "rokt-version", "")), nullptr) << "twice, once empty";
}

TEST(CacheRequestMemory, TakesAnEmptyVersionForNoneOnlyWhereThereIsNone) {
  CacheRequestMemory memory;
  memory.remember(request("/a"), cache_request());
  EXPECT_EQ(memory.find(with(request("/a"), "rokt-version", "")), nullptr);
  const auto empty = with(request("/b"), "rokt-version", "");
  memory.remember(empty, cache_request());
  EXPECT_EQ(memory.find(empty), nullptr);
  EXPECT_EQ(memory.find(request("/b")), nullptr);
}

TEST(AskFor, SendsTheSpellingOfTheKeyAndAVersionThatIsNotTheLatest) {
  upstream::UpstreamRequest plain;
  ask_for(caching::Key("default /a?b=1 LATEST"), plain);
  EXPECT_EQ(plain.target, "/a?b=1");
  EXPECT_EQ(plain.fields.to_lines(), "");
  upstream::UpstreamRequest versioned;
  ask_for(caching::Key("default /a alpha-1"), versioned);
  EXPECT_EQ(versioned.target, "/a");
  EXPECT_EQ(versioned.fields.to_lines(), "rokt-version: alpha-1\r\n");
}

TEST(CacheRequestMemory, KeepsTheLaterOfTwoInOnePlace) {
  CacheRequestMemory memory(1);
  const CacheRequestPtr later = cache_request();
  memory.remember(request("/a"), cache_request());
  memory.remember(request("/b"), later);
  EXPECT_EQ(memory.find(request("/a")), nullptr);
  EXPECT_EQ(memory.find(request("/b")), later);
}

TEST(CacheRequestMemory, DoesNotKeepVeryLongTargets) {
  CacheRequestMemory memory;
  const auto longest = request("/" + std::string(1023, 'a'));
  const auto longer = request("/" + std::string(1024, 'a'));
  memory.remember(longest, cache_request());
  memory.remember(longer, cache_request());
  EXPECT_NE(memory.find(longest), nullptr);
  EXPECT_EQ(memory.find(longer), nullptr);
}

}  // namespace
}  // namespace roktcached::proxy
