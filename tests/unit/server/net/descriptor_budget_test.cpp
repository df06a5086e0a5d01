#include "server/net/descriptor_budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace roktcached {
namespace {

using testing::HasSubstr;

config::Settings some_settings() {
  config::Settings settings;
  settings.listen.threads = 2;
  settings.listen.max_connections = 10'000;
  settings.upstream.max_connections = 16;
  return settings;
}

TEST(DescriptorBudget, KeepsSomeForTheUpstreamTheCacheFileAndTheAdminListener) {
  config::Settings settings = some_settings();
  const std::uint64_t reserve = descriptor_budget(settings).reserve;
  EXPECT_GT(reserve, 16U + 64U) << "upstream.max_connections, and the connections of the admin listener";
  EXPECT_LT(reserve, 300U);
  settings.upstream.max_connections += 100;
  EXPECT_EQ(descriptor_budget(settings).reserve, reserve + 100);
  settings.credentials.resize(settings.credentials.size() + 2);
  EXPECT_EQ(descriptor_budget(settings).reserve, reserve + 102) << "each may ask for its token";
  settings.listen.threads = 64;
  EXPECT_GT(descriptor_budget(settings).reserve, reserve + 100 + 62 * 6) << "each listens, and has an epoll";
}

TEST(DescriptorBudget, KeepsSomeForTheHealthListenerWhereThereIsOne) {
  config::Settings settings = some_settings();
  const std::uint64_t reserve = descriptor_budget(settings).reserve;
  settings.health.addresses = {{"0.0.0.0", 9100}};
  settings.health.tls.addresses = {{"0.0.0.0", 9143}};
  EXPECT_EQ(descriptor_budget(settings).reserve, reserve + 64 + 4);
}

TEST(DescriptorBudget, KeepsACopyOfEachListeningSocketForTheNextProcess) {
  config::Settings settings = some_settings();
  settings.listen.addresses = {{"127.0.0.1", 8080}};
  const std::uint64_t reserve = descriptor_budget(settings).reserve;
  settings.listen.handover_socket = "/run/roktcached/handover.sock";
  EXPECT_EQ(descriptor_budget(settings).reserve, reserve + 2 * 2) << "two threads, two sockets of an address";
}

TEST(DescriptorBudget, AClientMayHaveAnAnswerStreamedToIt) {
  const DescriptorBudget budget{.reserve = 100};
  EXPECT_EQ(budget.needed(50), 200U);
  EXPECT_EQ(budget.clients_within(200), 50U);
  EXPECT_EQ(budget.clients_within(199), 49U);
}

TEST(DescriptorBudget, SomeClientsAreServedWhateverTheLimit) {
  const DescriptorBudget budget{.reserve = 100};
  for (const std::uint64_t limit : {0U, 64U, 100U, 110U}) EXPECT_EQ(budget.clients_within(limit), 8U);
}

TEST(DescriptorBudget, ALimitThatIsTooLowBoundsTheConnectionsAndSaysSo) {
  config::Settings settings = some_settings();
  const std::uint64_t reserve = descriptor_budget(settings).reserve;
  const auto said = bound_connections(settings, reserve + 1000);
  EXPECT_EQ(settings.listen.max_connections, 500U);
  ASSERT_TRUE(said);
  EXPECT_THAT(*said, HasSubstr("listen.max_connections: 500, not 10000: open files are limited to"));
  EXPECT_FALSE(bound_connections(settings, reserve + 1000)) << "now it fits";
}

TEST(DescriptorBudget, AHighLimitChangesNothing) {
  config::Settings settings = some_settings();
  EXPECT_FALSE(bound_connections(settings, descriptor_budget(settings).needed(10'000)));
  EXPECT_EQ(settings.listen.max_connections, 10'000U);
}

}  // namespace
}  // namespace roktcached
