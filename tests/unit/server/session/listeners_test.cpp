#include "server/session/listeners.h"

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

namespace roktcached::session {
namespace {

namespace fs = std::filesystem;
using boost::asio::local::stream_protocol;

class Nothing final : public http::Handler {
 public:
  bool answer_now(http::Request&, http::Answer&) override { return false; }
  boost::asio::awaitable<http::Answer> handle(const http::Request&) override { co_return http::Answer{}; }
  void finished(const http::Request&, const http::Answer&, const http::Written&) override {}
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

  Result<std::unique_ptr<Listeners>> open() {
    return Listeners::open(settings_, budget_,
                           {{context_,
                             {.limits = limits_,
                              .handler = nothing_,
                              .contexts = contexts_,
                              .poller = poller_,
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
  ContextPool contexts_{limits_};
  net::IdlePoller poller_{context_.get_executor()};
  net::HangupWatch hangups_{context_.get_executor()};
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
  const auto listeners = open();
  ASSERT_TRUE(listeners) << listeners.error().context;
  stream_protocol::socket early(context_);
  early.connect(stream_protocol::endpoint(path_));
  (*listeners)->start();
  (*listeners)->drain();
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
}  // namespace roktcached::session
