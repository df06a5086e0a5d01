#include "server/upstream/wire/resolver.h"

#include "tests/unit/server/upstream/wire/loopback.h"

namespace roktcached::upstream {
namespace {

TEST(ResolverTest, EndsWhereNobodyWaitsForTheRequest) {
  asio::io_context context;
  Resolver resolver(context.get_executor(), "localhost", 80);
  const SteadyTime deadline = std::chrono::steady_clock::now() + std::chrono::hours{1};
  Turn turn;
  turn.abandon();
  const auto resolved = run(context, resolver.resolve(deadline, &turn));
  ASSERT_FALSE(resolved);
  EXPECT_EQ(resolved.error().code, ErrorCode::client_gone);
  EXPECT_TRUE(run(context, resolver.resolve(deadline))) << "the look-up goes on for others";
}

}  // namespace
}  // namespace roktcached::upstream
