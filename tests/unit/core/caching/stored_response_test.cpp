#include "core/caching/stored_response.h"

#include <gtest/gtest.h>

#include <optional>

namespace roktcached::caching {
namespace {

StoredResponse example() {
  StoredResponse response;
  response.key = Key("default /reporting/accounts/7/campaigns/3/overview?currency=USD LATEST");
  response.route = "campaign-overview";
  response.account_id = "7";
  response.campaign_id = "3";
  response.head = "Content-Type: application/json\r\nServer: rokt\r\n";
  response.body = share_body("{}");
  response.entity_tag = "\"tag\"";
  response.validator = "If-None-Match: \"tag\"";
  return response;
}

void expect_example(const StoredResponse& response) {
  const StoredResponse wanted = example();
  EXPECT_EQ(response.key, wanted.key);
  EXPECT_EQ(response.route, wanted.route);
  EXPECT_EQ(response.account_id, wanted.account_id);
  EXPECT_EQ(response.campaign_id, wanted.campaign_id);
  EXPECT_EQ(response.head, wanted.head);
  EXPECT_EQ(*response.body, *wanted.body);
  EXPECT_EQ(response.entity_tag, wanted.entity_tag);
  EXPECT_EQ(response.validator, wanted.validator);
}

TEST(StoredResponseTest, SharedItHasAllTextInItsOwnAllocation) {
  const StoredResponsePtr shared = share(example());
  expect_example(*shared);
  const char* const begin = reinterpret_cast<const char*>(shared.get());
  for (const std::string_view text :
       {shared->key.text(), shared->route.view(), shared->account_id.view(), shared->campaign_id.view(),
        shared->head.view(), shared->entity_tag.view(), shared->validator.view()}) {
    EXPECT_GE(text.data(), begin + sizeof(StoredResponse));
    EXPECT_LE(text.data() + text.size(), begin + shared->memory_size());
  }
}

TEST(StoredResponseTest, SharedWithTextsItHasThemInItsOwnAllocation) {
  StoredResponse response = example();
  response.entity_tag = "\"another\"";
  const StoredResponse wanted = example();
  const StoredResponsePtr shared = share(std::move(response), {.key = wanted.key,
                                                               .route = wanted.route,
                                                               .account_id = wanted.account_id,
                                                               .campaign_id = wanted.campaign_id,
                                                               .head = wanted.head,
                                                               .entity_tag = wanted.entity_tag,
                                                               .validator = wanted.validator});
  expect_example(*shared);
  EXPECT_EQ(shared->key.hash(), wanted.key.hash());
  EXPECT_EQ(shared->memory_size(), share(example())->memory_size());
  const char* const begin = reinterpret_cast<const char*>(shared.get());
  EXPECT_GE(shared->key.text().data(), begin + sizeof(StoredResponse));
  EXPECT_LE(shared->validator.view().data() + shared->validator.size(), begin + shared->memory_size());
}

TEST(StoredResponseTest, ACopyOutlivesWhatItWasCopiedFrom) {
  StoredResponsePtr shared = share(example());
  StoredResponse copy = *shared;
  shared = share(*shared);
  expect_example(*shared);
  copy.head = "Server: another\r\n";
  expect_example(*shared);
  shared.reset();
  copy.head = example().head;
  expect_example(copy);
}

TEST(StoredResponseTest, OneWithoutAnyTextIsSharedToo) {
  EXPECT_TRUE(share(StoredResponse())->head.empty());
}

TEST(StoredResponseTest, KnowsWhatItCosts) {
  const std::size_t without = share(example())->memory_size();
  StoredResponse larger = example();
  larger.body = share_body(std::string(10'000, 'x'));
  larger.head = std::string(1000, 'h');
  const StoredResponsePtr shared = share(larger);
  EXPECT_GE(shared->memory_size(), without + 10'000 + 900);
  EXPECT_LE(shared->memory_size(), without + 10'000 + 1000 + 64);
  EXPECT_EQ(larger.memory_size(), shared->memory_size()) << "the same before it is shared";
}

TEST(StoredResponseTest, ABodyThatGrewKeepsNoRoomToGrow) {
  std::string grown = "{";
  while (grown.size() < 1025) grown += ' ';
  ASSERT_GT(grown.capacity(), 1120U);
  EXPECT_LT(share_body(std::move(grown))->memory_size(), 1120U);
}

}  // namespace
}  // namespace roktcached::caching
