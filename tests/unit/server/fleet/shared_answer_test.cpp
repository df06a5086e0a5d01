#include "server/fleet/shared_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <vector>

#include "core/caching/variants.h"
#include "tests/unit/storage/examples.h"

namespace roktcached::fleet {
namespace {

using namespace std::chrono_literals;
using caching::Purge;
using caching::PurgeKind;
using caching::StoredResponse;
using storage::examples::noise;
using storage::examples::noon;
using storage::examples::response;
using storage::examples::restated_response;
using storage::examples::same;
using upstream::Token;
using upstream::UpstreamFailure;

constexpr std::size_t body_max = std::size_t{16} << 20;
constexpr SteadyTime steady_noon{std::chrono::hours{1000}};

/// Every octet value, so also zeros, quotes, line ends and what is no UTF-8.
std::string every_octet() {
  std::string all;
  for (int octet = 0; octet < 256; ++octet) all += static_cast<char>(octet);
  return all;
}

StoredResponse awkward_response() {
  StoredResponse made = restated_response(7, noon + 1ms);
  made.key = caching::Key(every_octet());
  made.route = every_octet();
  made.account_id = "";
  made.campaign_id = std::string("\0", 1);
  made.status = 404;
  made.head = "X: \xff\r\n";
  made.body = caching::share_body(every_octet());
  made.entity_tag = "";
  made.validator = "";
  made.range_end = wall_time_from_unix_ms(-1);
  made.restated = std::make_shared<const caching::Restated>(
      caching::Restated{std::numeric_limits<std::uint64_t>::max(), wall_time_from_unix_ms(0), every_octet()});
  made.fetched_at = wall_time_from_unix_ms(-62'135'596'800'000);   // the year 1
  made.fresh_until = wall_time_from_unix_ms(253'402'300'799'999);  // the end of 9999
  made.usable_until = made.fetched_at;
  made.steady_refreshes = std::numeric_limits<unsigned>::max();
  return made;
}

UpstreamFailure failure(ErrorCode code = ErrorCode::upstream_budget_exhausted) {
  return {{code, true, "no request may go for 3 s", ErrorSource::upstream}, 3s};
}

std::vector<Purge> purges() {
  return {{caching::Everything{}, PurgeKind::hard},
          {caching::WithKey{{std::numeric_limits<std::uint64_t>::max(), 1}}, PurgeKind::soft},
          {caching::WithTarget{"/a?b=c", every_octet()}, PurgeKind::hard},
          {caching::OfRoute{"account-summary"}, PurgeKind::soft},
          {caching::OfAccount{"1234567", std::nullopt}, PurgeKind::hard},
          {caching::OfAccount{"1234567", ""}, PurgeKind::soft},
          {caching::OfAccount{"", "12"}, PurgeKind::soft}};
}

Token token(WallTime expires_at = noon + 30min) {
  Token made;
  made.value = config::Secret("a-token-of-visible-ASCII~!");
  made.lifetime = 1h;
  made.expires_at_wall = expires_at;
  return made;
}

/// One of each, as it travels.
std::vector<std::string> each_kind() {
  std::vector<std::string> all = {written(awkward_response()),
                                  written(response(1, std::string(5000, '7') + noise(100, 1))),
                                  written(failure()), written(token())};
  for (const Purge& purge : purges()) all.push_back(written(purge));
  return all;
}

/// How many of the readers take it.
int takers(std::string_view octets) {
  return (read_response(octets, body_max) ? 1 : 0) + (read_failure(octets) ? 1 : 0) +
         (read_purge(octets) ? 1 : 0) + (read_token(octets, steady_noon, noon) ? 1 : 0);
}

TEST(SharedResponse, ComesBackAsItWas) {
  std::vector<StoredResponse> all = {response(1), restated_response(2, noon), awkward_response()};
  for (const std::size_t size : {0U, 1U, 1024U, 1025U, 1U << 20U}) {
    all.push_back(response(3, std::string(size, 'x')));
    all.push_back(response(4, noise(size, size)));
  }
  all.push_back(response(5));
  all.back().range_end.reset();
  for (const StoredResponse& one : all) {
    const auto read = read_response(written(one), body_max);
    ASSERT_TRUE(read) << read.error().context;
    EXPECT_TRUE(same(**read, one)) << one.key.text();
    EXPECT_FALSE((*read)->date.of(one.fetched_at).empty()) << "later it would be made at each hit";
    EXPECT_EQ((*read)->gzip_body, nullptr);
  }
}

TEST(SharedResponse, IsAsLargeInMemoryAsBefore) {
  const auto before = caching::share(response(1, std::string(5000, 'x')));
  const auto read = read_response(written(*before), body_max);
  ASSERT_TRUE(read);
  EXPECT_EQ((*read)->memory_size(), before->memory_size());
}

TEST(SharedResponse, IsCountedAndKeptAsOneThatWasFetchedHere) {
  storage::MemoryFile file;
  storage::BodyAccount bodies(1 << 20, &file);
  const std::size_t size = storage::BodyAccount::worth_a_file;
  for (const std::string& body : {std::string(size, 'x'), noise(size, 1)}) {  // compressed, and as it is
    const auto read = read_response(written(response(1, body)), body_max, &bodies);
    ASSERT_TRUE(read);
    EXPECT_EQ(bodies.read().all, size);
    EXPECT_NE((*read)->body->place(), nullptr);
    EXPECT_TRUE(*(*read)->body == body);
  }
  EXPECT_EQ(bodies.read().all, 0U);
}

TEST(SharedResponse, MayBeAnIndexOfVariants) {
  caching::VariantIndex index(noon);
  index.add({"accept-language"});
  const caching::Key target = caching::http_key("default", "/files/a?b");
  const auto read = read_response(written(*index.to_stored(target, "files")), body_max);
  ASSERT_TRUE(read);
  ASSERT_TRUE(caching::VariantIndex::is_index(**read));
  http::Fields request;
  request.add("Accept-Language", "de");
  EXPECT_EQ(caching::VariantIndex(**read).keys_for(target, request), index.keys_for(target, request));
}

TEST(SharedResponse, IsCompressedWhereThatSavesSomething) {
  EXPECT_LT(written(response(1, std::string(100'000, 'x'))).size(), 2000U);
  const std::size_t without = written(response(1, "")).size();
  EXPECT_EQ(written(response(1, std::string(1024, 'x'))).size(), without + 1024) << "too short";
  EXPECT_EQ(written(response(1, noise(100'000, 1))).size(), without + 100'000);
}

// A hundred octets may stand for gigabytes.
TEST(SharedResponse, WithALongerBodyThanIsKeptIsRefused) {
  for (const std::string& body : {std::string(5000, 'x'), noise(5000, 1)}) {
    const std::string octets = written(response(1, body));
    EXPECT_TRUE(read_response(octets, 5000));
    const auto read = read_response(octets, 4999);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::storage_corrupt);
  }
}

TEST(SharedResponse, WithABodyOfAnotherSizeThanItSaysIsRefused) {
  const std::string body = "[1]";
  std::string octets = written(response(1, body));
  constexpr std::size_t length_size = 4;
  const std::size_t last_of_size = octets.size() - body.size() - length_size - 1;
  ASSERT_EQ(octets[last_of_size], static_cast<char>(body.size()));
  ASSERT_TRUE(read_response(octets, body_max));
  ++octets[last_of_size];
  EXPECT_FALSE(read_response(octets, body_max));
}

TEST(SharedFailure, ComesBackAsItWas) {
  for (int code = 0; code <= static_cast<int>(ErrorCode::internal); ++code) {
    for (int source = 0; source <= static_cast<int>(ErrorSource::upstream); ++source) {
      UpstreamFailure one = failure(static_cast<ErrorCode>(code));
      one.error.source = static_cast<ErrorSource>(source);
      one.error.retryable = code % 2 == 0;
      if (source % 2 == 0) one.retry_after.reset();
      const auto read = read_failure(written(one));
      ASSERT_TRUE(read);
      EXPECT_EQ(read->error.code, one.error.code);
      EXPECT_EQ(read->error.source, one.error.source);
      EXPECT_EQ(read->error.retryable, one.error.retryable);
      EXPECT_EQ(read->error.context, one.error.context);
      EXPECT_EQ(read->retry_after, one.retry_after);
    }
  }
}

// Instances of different versions talk to each other.
TEST(SharedFailure, HasItsNumberForEver) {
  EXPECT_EQ(written(failure(ErrorCode::invalid_request))[2], 0);
  EXPECT_EQ(written(failure(ErrorCode::upstream_unreachable))[2], 19);
  EXPECT_EQ(written(failure(ErrorCode::upstream_budget_exhausted))[2], 23);
  EXPECT_EQ(written(failure(ErrorCode::internal))[2], 33);
  EXPECT_EQ(written(failure())[3], 4);
}

TEST(SharedFailure, SaysNoMoreThanAKibibyteOfItsContext) {
  UpstreamFailure one = failure();
  one.error.context = std::string(1023, 'x') + "\xc3\xa9";
  one.retry_after = -5s;
  const auto read = read_failure(written(one));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->error.context, std::string(1023, 'x')) << "and no half of a character";
  EXPECT_EQ(read->retry_after, 0ms);
  one.error.context = std::string(1022, 'x') + "\xc3\xa9";
  EXPECT_EQ(read_failure(written(one))->error.context, one.error.context);
}

TEST(SharedPurge, ComesBackAsItWas) {
  for (const Purge& one : purges()) {
    const auto read = read_purge(written(one));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->kind, one.kind);
    ASSERT_EQ(read->selection.index(), one.selection.index());
    EXPECT_EQ(written(*read), written(one));
  }
  const auto account = read_purge(written(Purge{caching::OfAccount{"1", "2"}, PurgeKind::soft}));
  EXPECT_EQ(std::get<caching::OfAccount>(account->selection).campaign_id, "2");
  const auto whole = read_purge(written(Purge{caching::OfAccount{"1", std::nullopt}, PurgeKind::soft}));
  EXPECT_EQ(std::get<caching::OfAccount>(whole->selection).campaign_id, std::nullopt);
  const auto key = read_purge(written(Purge{caching::WithKey{{3, 4}}, PurgeKind::hard}));
  EXPECT_EQ(std::get<caching::WithKey>(key->selection).hash, (caching::KeyHash{3, 4}));
  const auto target = read_purge(written(Purge{caching::WithTarget{"/a", "/A"}, PurgeKind::hard}));
  EXPECT_EQ(std::get<caching::WithTarget>(target->selection).canonical, "/a");
  EXPECT_EQ(std::get<caching::WithTarget>(target->selection).as_sent, "/A");
  const auto route = read_purge(written(Purge{caching::OfRoute{"r"}, PurgeKind::hard}));
  EXPECT_EQ(std::get<caching::OfRoute>(route->selection).name, "r");
}

TEST(SharedToken, ExpiresByTheWallClock) {
  const auto read = read_token(written(token(noon + 30min)), steady_noon, noon);
  ASSERT_TRUE(read);
  const Token& one = **read;
  EXPECT_EQ(one.value.reveal(), token().value.reveal());
  EXPECT_EQ(one.lifetime, 1h);
  EXPECT_EQ(one.expires_at_wall, noon + 30min);
  EXPECT_EQ(one.expires_at, steady_noon + 30min);
  EXPECT_EQ(one.minted_at, steady_noon - 30min);
}

TEST(SharedToken, NeverLivesLongerThanItsLifetime) {
  const auto behind = read_token(written(token(noon + 3h)), steady_noon, noon);
  ASSERT_TRUE(behind) << "our clock is behind the minter's";
  EXPECT_EQ((*behind)->expires_at, steady_noon + 1h);
  EXPECT_EQ((*behind)->minted_at, steady_noon);
  const auto expired = read_token(written(token(noon - 3h)), steady_noon, noon);
  ASSERT_TRUE(expired);
  EXPECT_EQ((*expired)->expires_at, steady_noon);
}

TEST(SharedToken, ThatNoFieldCanCarryIsRefused) {
  for (const char* value : {"", "a b", "a\r\nX: y", "\xc3\xa9"}) {
    Token one = token();
    one.value = config::Secret(value);
    EXPECT_FALSE(read_token(written(one), steady_noon, noon)) << value;
  }
}

TEST(SharedOctets, AreOfOneKind) {
  for (const std::string& octets : each_kind()) EXPECT_EQ(takers(octets), 1);
  EXPECT_EQ(takers(""), 0);
}

TEST(SharedOctets, OfAnotherVersionAreRefused) {
  for (std::string octets : each_kind()) {
    octets[1] = 2;
    EXPECT_EQ(takers(octets), 0);
  }
}

TEST(SharedOctets, ThatAreCutOrGoOnAreRefused) {
  for (const std::string& octets : each_kind()) {
    for (std::size_t size = 0; size < octets.size(); ++size)
      EXPECT_EQ(takers(std::string_view(octets).substr(0, size)), 0) << size;
    EXPECT_EQ(takers(octets + '\0'), 0);
  }
}

TEST(SharedOctets, WithALengthBeyondTheirEndAreRefused) {
  for (const std::string& octets : each_kind()) {
    for (std::size_t at = 2; at + 4 <= octets.size(); ++at) {
      std::string changed = octets;
      changed.replace(at, 4, "\xff\xff\xff\xff");
      EXPECT_LE(takers(changed), 1);
    }
  }
}

// Under ASan and UBSan, too.
TEST(SharedOctets, MayBeAnything) {
  const std::vector<std::string> all = each_kind();
  std::mt19937_64 random(20'240'301);
  int refused = 0;
  for (int i = 0; i < 100'000; ++i) {
    std::string octets = all[random() % all.size()];
    const auto changes = 1 + random() % 4;
    for (std::uint64_t change = 0; change < changes && !octets.empty(); ++change) {
      const std::size_t at = random() % octets.size();
      switch (random() % 4) {
        case 0:
          octets[at] = static_cast<char>(random());
          break;
        case 1:
          octets[at] = static_cast<char>(static_cast<unsigned char>(octets[at]) ^ (1U << random() % 8));
          break;
        case 2:
          octets.erase(at, 1 + random() % 8);
          break;
        default:
          octets.insert(at, 1 + random() % 8, static_cast<char>(random()));
      }
    }
    const int taken = takers(octets);
    ASSERT_LE(taken, 1);
    refused += taken == 0 ? 1 : 0;
  }
  EXPECT_GT(refused, 50'000) << "and that is noticed for most";
}

}  // namespace
}  // namespace roktcached::fleet
