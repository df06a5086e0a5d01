#include "server/daemon.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <csignal>
#include <filesystem>
#include <future>
#include <stdexcept>
#include <string>

namespace roktcached {
namespace {

namespace fs = std::filesystem;
using boost::asio::ip::tcp;
using boost::asio::local::stream_protocol;

/// The start and the end of a whole daemon, on Unix sockets, in front of an upstream that is not there.
class DaemonTest : public testing::Test {
 protected:
  DaemonTest() {
    std::string name = (fs::temp_directory_path() / "roktcached-daemon-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder_ = name;
    settings_.listen.addresses = {{"", 0, path("proxy.sock")}};
    settings_.listen.threads = 2;
    settings_.admin.address = config::Endpoint{"", 0, path("admin.sock")};
    settings_.cache.file = path("cache.db");
    settings_.log.access = false;
    settings_.upstream.url = {false, "127.0.0.1", 1, ""};
    config::Credential credential;
    credential.name = "default";
    credential.app_id = config::Secret("app");
    credential.app_secret = config::Secret("secret");
    settings_.credentials.push_back(credential);
  }
  ~DaemonTest() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  [[nodiscard]] std::string path(const char* name) const { return (folder_ / name).string(); }
  /// What a reload would read: these tests begin none.
  [[nodiscard]] Daemon::Load load_again() const {
    return [settings = settings_]() -> Result<config::Settings> { return settings; };
  }
  [[nodiscard]] Error why_not() const {
    const auto daemon = Daemon::open(settings_, load_again());
    EXPECT_FALSE(daemon);
    return daemon ? Error{} : daemon.error();
  }
  /// Runs it, calls `meanwhile`, and ends it with SIGTERM, which is kept for a daemon that does not wait for
  /// it yet.
  template <class Action>
  void run(Daemon& daemon, Action meanwhile) {
    int drains = 0;
    auto running = std::async(std::launch::async, [&] { EXPECT_TRUE(daemon.run([&] { ++drains; })); });
    meanwhile();
    // For a thread that waits in a system call: ThreadSanitizer keeps a signal of this one until it ends.
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &term, nullptr);
    ::kill(::getpid(), SIGTERM);
    running.get();
    pthread_sigmask(SIG_UNBLOCK, &term, nullptr);
    EXPECT_EQ(drains, 1);
  }
  std::string ask(const std::string& socket, const std::string& target) {
    boost::asio::io_context context;
    stream_protocol::socket client(context);
    client.connect(stream_protocol::endpoint(path(socket.c_str())));
    boost::asio::write(
        client,
        boost::asio::buffer("GET " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
    std::string answer;
    boost::system::error_code error;
    boost::asio::read(client, boost::asio::dynamic_buffer(answer), error);
    return answer;
  }

  fs::path folder_;
  config::Settings settings_;
};

TEST_F(DaemonTest, AnswersUntilItIsToldToEndAndLeavesItsPathsFree) {
  for (int start = 0; start < 2; ++start) {
    auto daemon = Daemon::open(settings_, load_again());
    ASSERT_TRUE(daemon) << daemon.error().context;
    run(**daemon, [&] {
      EXPECT_TRUE(ask("proxy.sock", "/nothing").starts_with("HTTP/1.1 404 "));
      EXPECT_TRUE(ask("admin.sock", "/livez").starts_with("HTTP/1.1 200 "));
    });
    EXPECT_FALSE(fs::exists(path("proxy.sock")));
    daemon->reset();
    EXPECT_FALSE(fs::exists(path("admin.sock")));
    EXPECT_TRUE(fs::exists(path("cache.db")));
  }
}

TEST_F(DaemonTest, OneThreadDoesItAll) {
  settings_.listen.threads = 1;
  settings_.cache.file.clear();
  settings_.admin.address.reset();
  auto daemon = Daemon::open(settings_, load_again());
  ASSERT_TRUE(daemon) << daemon.error().context;
  run(**daemon, [&] { EXPECT_TRUE(ask("proxy.sock", "/nothing").starts_with("HTTP/1.1 404 ")); });
  EXPECT_FALSE(fs::exists(path("cache.db")));
}

TEST_F(DaemonTest, AnIdleClientKeepsItFromNoEnd) {
  auto daemon = Daemon::open(settings_, load_again());
  ASSERT_TRUE(daemon) << daemon.error().context;
  boost::asio::io_context context;
  stream_protocol::socket client(context);
  run(**daemon, [&] { client.connect(stream_protocol::endpoint(path("proxy.sock"))); });
  char byte = 0;
  boost::system::error_code error;
  client.read_some(boost::asio::buffer(&byte, 1), error);
  EXPECT_EQ(error, boost::asio::error::eof) << "it is seen off";
}

TEST_F(DaemonTest, AnAddressInUseIsUnavailable) {
  boost::asio::io_context context;
  tcp::acceptor taken(context, {boost::asio::ip::address_v4::loopback(), 0});
  settings_.listen.addresses = {{"127.0.0.1", taken.local_endpoint().port(), ""}};
  const Error why = why_not();
  EXPECT_EQ(why.code, ErrorCode::unavailable);
  EXPECT_NE(why.context.find(std::to_string(taken.local_endpoint().port())), std::string::npos)
      << why.context;
}

TEST_F(DaemonTest, AnAdminAddressInUseIsUnavailableAndLeavesNothingOpen) {
  boost::asio::io_context context;
  tcp::acceptor taken(context, {boost::asio::ip::address_v4::loopback(), 0});
  settings_.admin.address = config::Endpoint{"127.0.0.1", taken.local_endpoint().port(), ""};
  EXPECT_EQ(why_not().code, ErrorCode::unavailable);
  EXPECT_FALSE(fs::exists(path("proxy.sock")));
}

TEST_F(DaemonTest, ASecondOneOnTheSameCacheFileIsRefused) {
  const auto first = Daemon::open(settings_, load_again());
  ASSERT_TRUE(first) << first.error().context;
  settings_.listen.addresses = {{"", 0, path("other.sock")}};
  settings_.admin.address.reset();
  EXPECT_NE(why_not().context.find("cache.db"), std::string::npos);
}

TEST_F(DaemonTest, SettingsThatCannotBeHonouredAreNamed) {
  settings_.upstream.ca_file = path("missing.pem");
  settings_.upstream.url.tls = true;
  const Error ca = why_not();
  EXPECT_EQ(ca.code, ErrorCode::configuration);
  EXPECT_NE(ca.context.find("missing.pem"), std::string::npos) << ca.context;
  settings_.upstream.ca_file.clear();
  settings_.listen.tls.addresses = {{"127.0.0.1", 0, ""}};
  settings_.listen.tls.certificate_file = path("missing-certificate.pem");
  settings_.listen.tls.key_file = path("missing-key.pem");
  const Error tls = why_not();
  EXPECT_NE(tls.context.find("missing-"), std::string::npos) << tls.context;
  EXPECT_FALSE(fs::exists(path("proxy.sock"))) << "who connects is to be served";
}

}  // namespace
}  // namespace roktcached
