#include "server/session/request_id.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>
#include <vector>

namespace roktcached::session {
namespace {

std::string id_of(std::initializer_list<std::string> sent) {
  http::Fields fields;
  for (const auto& value : sent) fields.add("X-Request-Id", value);
  std::string id;
  append_request_id(id, fields);
  return id;
}

bool is_made_here(const std::string& id) {
  return id.size() == 32 && id.find_first_not_of("0123456789abcdef") == std::string::npos;
}

TEST(RequestId, IsTheClientsWhereItIsASaneOne) {
  EXPECT_EQ(id_of({"Az09._~:/+=@-"}), "Az09._~:/+=@-");
  EXPECT_EQ(id_of({std::string(128, 'x')}), std::string(128, 'x'));
}

TEST(RequestId, IsMadeHereWhereTheClientsIsMissingRepeatedOrOdd) {
  EXPECT_TRUE(is_made_here(id_of({})));
  EXPECT_TRUE(is_made_here(id_of({"a", "a"})));
  EXPECT_TRUE(is_made_here(id_of({""})));
  EXPECT_TRUE(is_made_here(id_of({"a b"})));
  EXPECT_TRUE(is_made_here(id_of({"a\tb"})));
  EXPECT_TRUE(is_made_here(id_of({std::string(129, 'x')})));
}

TEST(RequestId, NoTwoAreTheSameInOneThreadOrInSeveral) {
  constexpr std::size_t each = 10'000;
  std::vector<std::vector<std::string>> made(4);
  {
    std::vector<std::jthread> threads;
    for (auto& ids : made) {
      threads.emplace_back([&ids] {
        for (std::size_t i = 0; i < each; ++i) ids.push_back(id_of({}));
      });
    }
  }
  std::set<std::string> all;
  std::set<std::string> halves;
  for (const auto& ids : made) {
    EXPECT_TRUE(std::ranges::all_of(ids, is_made_here));
    all.insert(ids.begin(), ids.end());
    for (const auto& id : ids) halves.insert({id.substr(0, 16), id.substr(16)});
  }
  EXPECT_EQ(all.size(), made.size() * each);
  EXPECT_EQ(halves.size(), 2 * made.size() * each);  // neither half tells the thread
}

TEST(RequestId, UsesEveryDigitAtEveryPlace) {
  std::vector<std::set<char>> seen(32);
  for (int i = 0; i < 2000; ++i) {
    const std::string id = id_of({});
    for (std::size_t place = 0; place < id.size(); ++place) seen[place].insert(id[place]);
  }
  for (const auto& digits : seen) EXPECT_EQ(digits.size(), 16U);
}

}  // namespace
}  // namespace roktcached::session
