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
           {0604, "0604"}, {0620, "0620"}, {0601, "0601"}, {0644, "0644"}, {0660, "0660"}, {0777, "0777"}}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    EXPECT_THAT(refusal(path), AllOf(StartsWith(path), HasSubstr(std::string("mode ") + text),
                                     HasSubstr("accepted: mode 0600 or 0400; 0640 or 0440 where its group"),
                                     HasSubstr("below /run/secrets")));
    EXPECT_TRUE(read_guarded_file(path, max)) << "its folder is guarded";
  }
  ASSERT_EQ(::chown(path.c_str(), static_cast<uid_t>(-1), ::getegid()), 0);
  for (const mode_t mode : {0600U, 0400U, 0640U, 0440U}) {
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

// Kubernetes mounts key -> ..data/key, and ..data -> ..2026_01_31, which it exchanges as a whole.
TEST_F(PrivateFileTest, IsReadThroughTheLinksOfAKubernetesMount) {
  std::filesystem::create_directory(folder_.path() / "..2026_01_31");
  const std::string path = folder_.write("..2026_01_31/key", "the-key");
  std::filesystem::create_symlink("..2026_01_31", folder_.path() / "..data");
  std::filesystem::create_symlink("..data/key", folder_.path() / "key");
  ASSERT_EQ(::chmod(path.c_str(), 0440), 0);
  const auto read = read_private_file(folder_.path() / "key", max);
  ASSERT_TRUE(read) << read.error().context;
  EXPECT_EQ(read->reveal(), "the-key");
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

constexpr std::uint32_t us = 1000;
constexpr std::uint32_t fs_group = 2000;

/// Empty if the file is private to user 1000 of groups 1000 and 2000.
std::string why_not(const FileAccess& file) {
  return why_not_private(file, {us, {us, fs_group}}).value_or("");
}

TEST(WhyNotPrivate, TheOwnerIsRootOrUs) {
  EXPECT_EQ(why_not({0600, us, us}), "");
  EXPECT_EQ(why_not({0400, 0, 0}), "") << "root could read it anyhow";
  EXPECT_THAT(why_not({0600, 1001, us}),
              AllOf(HasSubstr("user 1001"), HasSubstr("accepted: owned by root or by user 1000")));
  EXPECT_THAT(why_not_private({0600, 1001, 0}, {0, {0}}).value_or(""), HasSubstr("user 1001"))
      << "root is no exception";
  EXPECT_THAT(why_not({0444, 1001, us, true}), HasSubstr("user 1001")) << "nor is a mounted secret";
}

TEST(WhyNotPrivate, OfTheGroupsOnlyOursMayRead) {
  EXPECT_EQ(why_not({0440, 0, fs_group}), "") << "as Kubernetes mounts it";
  EXPECT_EQ(why_not({0640, us, fs_group}), "");
  EXPECT_EQ(why_not({0640, 0, us}), "");
  EXPECT_THAT(why_not({0440, 0, 0}), AllOf(HasSubstr("group 0 "), HasSubstr("(1000, 2000)")));
  EXPECT_THAT(why_not({0640, us, 100}), HasSubstr("group 100 "));
  EXPECT_EQ(why_not({0600, us, 100}), "") << "the group has no access";
}

TEST(WhyNotPrivate, NobodyElseMayWrite) {
  for (const std::uint32_t mode : {0620U, 0660U, 0602U, 0666U, 0777U}) {
    EXPECT_THAT(why_not({mode, us, us}), HasSubstr("write it")) << mode;
    EXPECT_THAT(why_not({mode, 0, 0, true}), HasSubstr("write it")) << mode;
  }
}

TEST(WhyNotPrivate, OfTheRestNobodyMayReadButAMountedSecret) {
  for (const std::uint32_t mode : {0604U, 0644U, 0444U, 0601U}) {
    EXPECT_THAT(why_not({mode, 0, us}), HasSubstr("every user")) << mode;
  }
  EXPECT_EQ(why_not({0444, 0, 0, true}), "") << "as Docker mounts it";
  EXPECT_EQ(why_not({0644, us, 100, true}), "");
  EXPECT_THAT(why_not({0440, 0, 0, true}), HasSubstr("group 0 "));
}

TEST(WithoutByteOrderMark, DropsOne) {
  EXPECT_EQ(without_byte_order_mark("\xEF\xBB\xBFtext"), "text");
  EXPECT_EQ(without_byte_order_mark("\xEF\xBB\xBF\xEF\xBB\xBF"), "\xEF\xBB\xBF");
  EXPECT_EQ(without_byte_order_mark("\xEF\xBB"), "\xEF\xBB");
  EXPECT_EQ(without_byte_order_mark(""), "");
}

}  // namespace
}  // namespace roktcached::config
