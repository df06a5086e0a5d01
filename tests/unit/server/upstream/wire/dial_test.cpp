#include "server/upstream/wire/dial.h"

#include "tests/unit/server/upstream/wire/loopback.h"

namespace roktcached::upstream {
namespace {

using namespace std::chrono_literals;

Endpoints endpoints_of(std::initializer_list<const char*> addresses) {
  Endpoints endpoints;
  for (const char* const address : addresses) endpoints.emplace_back(asio::ip::make_address(address), 1);
  return endpoints;
}

TEST(Alternating, TakesTheFamiliesInTurn) {
  EXPECT_EQ(alternating(endpoints_of({"::1", "::2", "::3", "1.0.0.1", "1.0.0.2"})),
            endpoints_of({"::1", "1.0.0.1", "::2", "1.0.0.2", "::3"}));
  EXPECT_EQ(alternating(endpoints_of({"1.0.0.1", "::1", "::2", "::3"})),
            endpoints_of({"1.0.0.1", "::1", "::2", "::3"}));
  EXPECT_EQ(alternating(endpoints_of({"1.0.0.1", "1.0.0.2"})), endpoints_of({"1.0.0.1", "1.0.0.2"}));
  EXPECT_EQ(alternating({}), Endpoints());
}

class DialTest : public testing::Test {
 protected:
  /// Listens, and answers no further SYN: its queue is full.
  class Deaf {
   public:
    explicit Deaf(asio::io_context& context) : acceptor_(context) {
      acceptor_.open(tcp::v4());
      acceptor_.bind({asio::ip::address_v4::loopback(), 0});
      acceptor_.listen(0);
      for (auto* const socket : {&first_, &second_, &third_}) {
        socket->emplace(context);
        (*socket)->async_connect(endpoint(), [](const auto&) {});
      }
    }
    [[nodiscard]] tcp::endpoint endpoint() const { return acceptor_.local_endpoint(); }

   private:
    tcp::acceptor acceptor_;
    std::optional<tcp::socket> first_, second_, third_;
  };

  [[nodiscard]] tcp::endpoint closed() {
    tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), 0});
    return acceptor.local_endpoint();
  }
  [[nodiscard]] tcp::endpoint open() const { return {asio::ip::address_v4::loopback(), server.port()}; }

  Result<tcp::socket> dial_all(Endpoints endpoints, std::chrono::milliseconds timeout = 5s) {
    const SteadyTime begun_at = std::chrono::steady_clock::now();
    auto result = run(context, dial(context.get_executor(), std::move(endpoints), begun_at + timeout));
    took = std::chrono::steady_clock::now() - begun_at;
    return result;
  }

  asio::io_context context;
  Loopback server{context, [](tcp::socket& socket) -> asio::awaitable<void> { co_await read_head(socket); }};
  std::chrono::steady_clock::duration took{};
};

TEST_F(DialTest, GoesOnAtOnceWhereAnAddressRefuses) {
  const auto socket = dial_all({closed(), closed(), open()});
  ASSERT_TRUE(socket);
  EXPECT_EQ(socket->remote_endpoint(), open());
  EXPECT_LT(took, head_start);
}

TEST_F(DialTest, GoesOnAfterTheHeadStartWhereAnAddressIsSilent) {
  const Deaf deaf(context);
  const auto socket = dial_all({deaf.endpoint(), open()});
  ASSERT_TRUE(socket);
  EXPECT_EQ(socket->remote_endpoint(), open());
  EXPECT_GE(took, head_start);
  EXPECT_LT(took, 3s);
}

TEST_F(DialTest, SaysWhyEveryAddressHasFailed) {
  const auto refused = dial_all({closed(), closed()});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::upstream_unreachable);
  EXPECT_EQ(refused.error().context, "connecting: Connection refused");
}

TEST_F(DialTest, EndsWhereNobodyWaitsForTheRequest) {
  const Deaf deaf(context);
  Turn turn;
  const SteadyTime due = std::chrono::steady_clock::now() + 1h;
  const auto dialed = begin(context, dial(context.get_executor(), {deaf.endpoint()}, due, &turn));
  context.poll();
  EXPECT_FALSE(*dialed);
  turn.set_unattended(true);
  run_until(context, [&] { return dialed->has_value(); });
  ASSERT_TRUE(*dialed);
  ASSERT_FALSE(**dialed);
  EXPECT_EQ((*dialed)->error().code, ErrorCode::client_gone);
}

TEST_F(DialTest, EndsAtItsDeadline) {
  const Deaf deaf(context);
  const auto silent = dial_all({closed(), deaf.endpoint()}, 100ms);
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().code, ErrorCode::upstream_timeout);
  EXPECT_GE(took, 100ms);
}

}  // namespace
}  // namespace roktcached::upstream
