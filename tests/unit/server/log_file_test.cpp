#include "server/log_file.h"

#include <gtest/gtest.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "server/logging.h"

namespace roktcached {
namespace {

namespace fs = std::filesystem;

class LogFileTest : public testing::Test {
 protected:
  LogFileTest() {
    std::string name = (fs::temp_directory_path() / "roktcached-log-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder_ = name;
    path_ = (folder_ / "daemon.log").string();
  }
  ~LogFileTest() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  static std::string content_of(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static unsigned mode_of(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    return status.st_mode & 07777U;
  }

  fs::path folder_;
  std::string path_;
};

TEST_F(LogFileTest, IsMadeForItsOwnerAndReadableForItsGroupWhateverTheUmask) {
  const mode_t before = ::umask(077);
  const auto opened = LogFile::open(path_);
  ::umask(before);
  ASSERT_TRUE(opened) << opened.error().context;
  EXPECT_EQ(mode_of(path_), 0640U);
}

TEST_F(LogFileTest, IsAppendedToAndKeepsItsMode) {
  std::ofstream(path_) << "before\n";
  ASSERT_EQ(::chmod(path_.c_str(), 0604), 0);
  auto opened = LogFile::open(path_);
  ASSERT_TRUE(opened) << opened.error().context;
  (*opened)->set_formatter(std::make_unique<spdlog::pattern_formatter>("%v", spdlog::pattern_time_type::utc));
  spdlog::logger("", *opened).info("after");
  EXPECT_EQ(content_of(path_), "before\nafter\n");
  EXPECT_EQ(mode_of(path_), 0604U);
}

TEST_F(LogFileTest, GoesOnUnderItsNameOnceItIsOpenedAgain) {
  auto opened = LogFile::open(path_);
  ASSERT_TRUE(opened) << opened.error().context;
  (*opened)->set_formatter(std::make_unique<spdlog::pattern_formatter>("%v", spdlog::pattern_time_type::utc));
  spdlog::logger log("", *opened);
  log.info("one");
  fs::rename(path_, path_ + ".1");
  log.info("two");
  ASSERT_TRUE((*opened)->reopen());
  log.info("three");
  EXPECT_EQ(content_of(path_ + ".1"), "one\ntwo\n");
  EXPECT_EQ(content_of(path_), "three\n");
}

TEST_F(LogFileTest, CountsALineThatCannotBeWritten) {
  auto opened = LogFile::open("/dev/full");
  ASSERT_TRUE(opened) << opened.error().context;
  (*opened)->set_formatter(std::make_unique<spdlog::pattern_formatter>("%v", spdlog::pattern_time_type::utc));
  const std::uint64_t before = dropped_lines().not_written;
  spdlog::logger log("", *opened);
  log.info("one");
  log.info("two");
  EXPECT_EQ(dropped_lines().not_written, before + 2);
}

TEST_F(LogFileTest, StaysInUseWhereItCannotBeOpenedAgain) {
  auto opened = LogFile::open(path_);
  ASSERT_TRUE(opened) << opened.error().context;
  (*opened)->set_formatter(std::make_unique<spdlog::pattern_formatter>("%v", spdlog::pattern_time_type::utc));
  fs::rename(path_, path_ + ".1");
  fs::create_directory(path_);
  const auto again = (*opened)->reopen();
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().context.find(path_), std::string::npos) << again.error().context;
  spdlog::logger("", *opened).info("still");
  EXPECT_EQ(content_of(path_ + ".1"), "still\n");
}

TEST_F(LogFileTest, IsRefusedWhereItIsNone) {
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  for (const std::string& path :
       {folder_.string(), (folder_ / "none" / "log").string(), (folder_ / "pipe").string()}) {
    const auto opened = LogFile::open(path);
    ASSERT_FALSE(opened) << path;
    EXPECT_EQ(opened.error().code, ErrorCode::configuration);
    EXPECT_TRUE(opened.error().context.starts_with("log.file: " + path + ": ")) << opened.error().context;
    const auto checked = check_log_file(path);
    ASSERT_FALSE(checked) << path;
    EXPECT_EQ(checked.error().context, opened.error().context);
  }
}

TEST_F(LogFileTest, IsNotMadeByACheck) {
  EXPECT_TRUE(check_log_file(path_));
  EXPECT_FALSE(fs::exists(path_));
  EXPECT_TRUE(check_log_file("")) << "standard error";
  EXPECT_TRUE(check_log_file("/dev/null"));
}

}  // namespace
}  // namespace roktcached
