#include "config/private_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <initializer_list>
#include <string>
#include <utility>

#include "tests/unit/config/support.h"

namespace roktcached::config {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::size_t max = 64;

class PrivateFileTest : public testing::Test {
 protected:
  static std::string refusal(const std::string& path) {
    const auto content = read_private_file(path, max);
    if (content) return "accepted";
    EXPECT_EQ(content.error().code, ErrorCode::configuration);
    return content.error().context;
  }

  TemporaryFolder folder_;
};

TEST_F(PrivateFileTest, IsReadWhole) {
  for (const std::string& content : {std::string(), std::string("a\0b\n", 4), std::string(max, '\xff')}) {
    const auto read = read_private_file(folder_.write("key", content), max);
    ASSERT_TRUE(read) << read.error().context;
    EXPECT_EQ(read->reveal(), content);
  }
}

TEST_F(PrivateFileTest, ALongFileIsRefusedAndNotRepeated) {
  const std::string path = folder_.write("key", "hunter2" + std::string(max, 'x'));
  EXPECT_THAT(refusal(path),
              AllOf(StartsWith(path), HasSubstr("longer than 64 bytes"), Not(HasSubstr("hunter2"))));
  EXPECT_THAT(refusal(folder_.write("key", std::string(max + 1, 'x'))), HasSubstr("longer than 64 bytes"));
}

TEST_F(PrivateFileTest, AFileThatOthersHaveAccessToIsRefusedWithItsMode) {
  const std::string path = folder_.write("key", "the-key");
  for (const auto& [mode, text] : std::initializer_list<std::pair<mode_t, const char*>>{
           {0640, "0640"}, {0604, "0604"}, {0620, "0620"}, {0601, "0601"}, {0644, "0644"}, {0777, "0777"}}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    EXPECT_THAT(refusal(path), AllOf(StartsWith(path), HasSubstr(std::string("mode ") + text),
                                     HasSubstr("accepted: mode 0600 or 0400")));
    EXPECT_TRUE(read_guarded_file(path, max)) << "its folder is guarded";
  }
  for (const mode_t mode : {0600U, 0400U}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    EXPECT_EQ(refusal(path), "accepted") << mode;
  }
}

TEST_F(PrivateFileTest, OnlyAFileIsRead) {
  EXPECT_THAT(refusal(folder_.path() / "missing"), HasSubstr("No such file"));
  EXPECT_THAT(refusal(folder_.path()), HasSubstr("not a regular file"));
  EXPECT_THAT(refusal("/dev/zero"), HasSubstr("not a regular file"));
  const std::string pipe = folder_.path() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(refusal(pipe), HasSubstr("not a regular file")) << "at once: nobody writes to it";
}

// A link is how secrets are put in place by others; what counts is the file behind it.
TEST_F(PrivateFileTest, ALinkIsFollowed) {
  const std::string path = folder_.write("key", "the-key");
  const std::string link = folder_.path() / "link";
  std::filesystem::create_symlink(path, link);
  EXPECT_EQ(refusal(link), "accepted");
  ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
  EXPECT_THAT(refusal(link), HasSubstr("mode 0644"));
}

TEST(WhyNotPrivate, IsModeThenOwner) {
  constexpr std::uint32_t us = 1000;
  EXPECT_EQ(why_not_private(0600, us, us), std::nullopt);
  EXPECT_EQ(why_not_private(0400, 0, us), std::nullopt) << "root could read it anyhow";
  EXPECT_EQ(why_not_private(0600, 0, 0), std::nullopt);
  EXPECT_THAT(why_not_private(0600, 1001, us).value_or(""),
              AllOf(HasSubstr("user 1001"), HasSubstr("accepted: owned by root or by user 1000")));
  EXPECT_THAT(why_not_private(0600, 1001, 0).value_or(""), HasSubstr("user 1001")) << "root is no exception";
  EXPECT_THAT(why_not_private(0640, 1001, us).value_or(""), HasSubstr("mode 0640"));
}

}  // namespace
}  // namespace roktcached::config
