#include "server/journal.h"

#include <gtest/gtest.h>
#include <spdlog/details/log_msg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>

#include "server/log_event.h"

namespace roktcached {
namespace {

namespace fs = std::filesystem;

class JournalTest : public testing::Test {
 protected:
  JournalTest() {
    std::string name = (fs::temp_directory_path() / "roktcached-journal-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder_ = name;
    path_ = folder_ / "socket";
    standard_error_ = LogFile::open(folder_ / "stderr").value();
  }
  ~JournalTest() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  void listen() {
    socket_.emplace(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(::bind(socket_->get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  std::string next() {
    std::array<char, 4096> bytes{};
    const ssize_t size = ::recv(socket_->get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    return size > 0 ? std::string(bytes.data(), static_cast<std::size_t>(size)) : "";
  }
  std::string on_standard_error() {
    std::ifstream file(folder_ / "stderr");
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void log(const std::string& payload, spdlog::level::level_enum level = spdlog::level::info,
           config::LogFormat format = config::LogFormat::text) {
    Journal(format, standard_error_, path_).log({"", level, payload});
  }
  static std::string event() {
    std::string line = LogEvent::begin + std::string("said");
    line += std::string(1, LogEvent::separator) + "request" + LogEvent::separator + "client=excel";
    return line + LogEvent::separator + "status#200" + LogEvent::separator + "upstream_ms#-";
  }

  fs::path folder_;
  std::string path_;
  std::optional<Descriptor> socket_;
  std::shared_ptr<LogFile> standard_error_;
};

TEST_F(JournalTest, ALineBringsItsFields) {
  listen();
  log(event());
  EXPECT_EQ(next(),
            "PRIORITY=6\nSYSLOG_IDENTIFIER=roktcached\nMESSAGE=said\nROKTCACHED_EVENT=request\n"
            "ROKTCACHED_CLIENT=excel\nROKTCACHED_STATUS=200\n")
      << "a field that there is none of is left out";
  log(event(), spdlog::level::warn, config::LogFormat::json);
  const std::string said = next();
  EXPECT_TRUE(said.starts_with("PRIORITY=4\n")) << said;
  EXPECT_NE(
      said.find("\nMESSAGE={\"event\":\"request\",\"message\":\"said\",\"client\":\"excel\",\"status\":200,"
                "\"upstream_ms\":null}\n"),
      std::string::npos)
      << said;
  EXPECT_EQ(on_standard_error(), "");
}

TEST_F(JournalTest, NothingInAFieldIsACommandToATerminal) {
  listen();
  std::string line = LogEvent::begin + std::string(
                                           "said \x1b[2J\x9b"
                                           "31m");
  line += std::string(1, LogEvent::separator) + "request" + LogEvent::separator;
  log(line + "client=\u009b2J\x7f");
  EXPECT_EQ(next(),
            "PRIORITY=6\nSYSLOG_IDENTIFIER=roktcached\nMESSAGE=said  [2J?31m\nROKTCACHED_EVENT=request\n"
            "ROKTCACHED_CLIENT= 2J \n");
}

TEST_F(JournalTest, ALineFeedIsNoEndOfAField) {
  listen();
  log("two\nPRIORITY=0", spdlog::level::err);
  EXPECT_EQ(next(),
            "PRIORITY=3\nSYSLOG_IDENTIFIER=roktcached\nMESSAGE=two PRIORITY=0\nROKTCACHED_EVENT=message\n");
}

TEST_F(JournalTest, WhereTheJournalTakesNothingStandardErrorDoes) {
  log(event(), spdlog::level::err);
  EXPECT_EQ(on_standard_error(), "<3>said\n");
}

TEST_F(JournalTest, AStreamIsTheJournalsByItsDeviceAndInode) {
  const Descriptor file(::dup(STDERR_FILENO));
  struct stat status {};
  ASSERT_EQ(::fstat(file.get(), &status), 0);
  const std::string own = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
  EXPECT_TRUE(is_journal_stream(own, file.get()));
  EXPECT_FALSE(is_journal_stream(own + "1", file.get()));
  EXPECT_FALSE(is_journal_stream("", file.get()));
  EXPECT_FALSE(is_journal_stream(own, -1));
}

}  // namespace
}  // namespace roktcached
