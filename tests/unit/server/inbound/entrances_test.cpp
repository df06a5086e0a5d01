#include "server/inbound/entrances.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <boost/asio/local/stream_protocol.hpp>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

#include "server/asio.h"

namespace roktcached::inbound {
namespace {

namespace fs = std::filesystem;
using boost::asio::local::stream_protocol;

class Nothing final : public Handler {
 public:
  bool answer_now(Request&, Answer&) override { return false; }
  boost::asio::awaitable<Answer> handle(const Request&) override { co_return Answer{}; }
  void finished(const Request&, const Answer&, const Written&) override {}
};

class EntrancesTest : public testing::Test {
 protected:
  EntrancesTest() {
    std::string name = (fs::temp_directory_path() / "roktcached-entrances-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder_ = name;
    path_ = folder_ / "proxy.sock";
    settings_.addresses = {{"", 0, path_}};
  }
  ~EntrancesTest() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  Result<std::unique_ptr<Entrances>> open() {
    return Entrances::open(settings_, budget_,
                           {{context_,
                             {.limits = limits_,
                              .handler = nothing_,
                              .workshop = workshop_,
                              .lookout = lookout_,
                              .hangups = hangups_}}});
  }
  void run() {
    context_.restart();
    context_.poll();
  }

  fs::path folder_;
  std::string path_;
  boost::asio::io_context context_{1};
  config::Listen settings_;
  const Limits limits_;
  Workshop workshop_{limits_};
  Lookout lookout_{context_.get_executor()};
  HangupWatch hangups_{context_.get_executor()};
  Nothing nothing_;
  ConnectionBudget budget_{10};
};

TEST_F(EntrancesTest, AreOpenForOneProcessAtATime) {
  const auto first = open();
  ASSERT_TRUE(first) << first.error().context;
  const auto second = open();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::unavailable);
}

TEST_F(EntrancesTest, GiveTheirPathsBackWhileTheyAreDrained) {
  const auto entrances = open();
  ASSERT_TRUE(entrances) << entrances.error().context;
  stream_protocol::socket early(context_);
  early.connect(stream_protocol::endpoint(path_));
  (*entrances)->start();
  (*entrances)->drain();
  stream_protocol::socket late(context_);
  boost::system::error_code error;
  late.connect(stream_protocol::endpoint(path_), error);
  EXPECT_TRUE(error) << "it would wait for an answer that never comes";
  run();
  EXPECT_TRUE(open()) << "the next process can start";

  early.non_blocking(true);
  std::array<char, 1> byte{};
  run();
  early.read_some(boost::asio::buffer(byte), error);
  EXPECT_EQ(error, boost::asio::error::eof) << "who had come before was let in, and seen off";
}

}  // namespace
}  // namespace roktcached::inbound
