#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "config/load.h"
#include "tests/unit/config/support.h"

namespace roktcached::config {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// Runs in a folder of its own, which is the current one meanwhile.
class FindFileTest : public testing::Test {
 protected:
  FindFileTest() { std::filesystem::current_path(folder_.path()); }
  ~FindFileTest() override { std::filesystem::current_path(before_); }

  static std::string threads(unsigned count) { return "[listen]\nthreads = " + std::to_string(count) + "\n"; }

  const std::filesystem::path before_ = std::filesystem::current_path();
  TemporaryFolder folder_;
};

TEST_F(FindFileTest, TheCommandLinesComesFirst) {
  const auto named = folder_.write("named.toml", threads(1));
  const auto in_environment = folder_.write("environment.toml", threads(2));
  folder_.write("roktcached.toml", threads(3));
  EXPECT_EQ(load(named, environment_of({{"ROKTCACHED_CONFIG", in_environment}})).value().listen.threads, 1U);
}

TEST_F(FindFileTest, ThenTheEnvironments) {
  const auto in_environment = folder_.write("environment.toml", threads(2));
  folder_.write("roktcached.toml", threads(3));
  EXPECT_EQ(
      load(std::nullopt, environment_of({{"ROKTCACHED_CONFIG", in_environment}})).value().listen.threads, 2U);
}

TEST_F(FindFileTest, ThenTheCurrentFolders) {
  folder_.write("roktcached.toml", threads(3));
  EXPECT_EQ(load(std::nullopt, environment_of({})).value().listen.threads, 3U);
}

TEST_F(FindFileTest, WithoutAnyTheDefaultsHold) {
  if (std::filesystem::exists("/etc/roktcached/roktcached.toml"))
    GTEST_SKIP() << "the system has a configuration";
  const auto settings = load(std::nullopt, environment_of({}));
  ASSERT_TRUE(settings) << settings.error().context;
  EXPECT_EQ(settings->listen.threads, Settings{}.listen.threads);
}

TEST_F(FindFileTest, ANamedFileThatIsMissingIsAMistakeAndNothingElseIsRead) {
  folder_.write("roktcached.toml", threads(3));
  const auto from_command_line = load("missing.toml", environment_of({}));
  ASSERT_FALSE(from_command_line);
  EXPECT_EQ(from_command_line.error().code, ErrorCode::configuration);
  EXPECT_THAT(from_command_line.error().context, AllOf(StartsWith("missing.toml: "), Not(HasSubstr("\n"))));
  const auto from_environment = load(std::nullopt, environment_of({{"ROKTCACHED_CONFIG", "missing.toml"}}));
  ASSERT_FALSE(from_environment);
  EXPECT_THAT(from_environment.error().context, StartsWith("missing.toml: "));
}

TEST_F(FindFileTest, AFileThatCannotBeReadSaysWhy) {
  EXPECT_THAT(load("missing.toml", environment_of({})).error().context, HasSubstr("No such file"));
  std::filesystem::create_directory("folder.toml");
  EXPECT_THAT(load("folder.toml", environment_of({})).error().context,
              AllOf(StartsWith("folder.toml: "), HasSubstr("directory")));
  folder_.write("file", "");
  EXPECT_THAT(load("file/under.toml", environment_of({})).error().context, HasSubstr("Not a directory"));
}

TEST_F(FindFileTest, AFolderInTheCurrentFoldersPlaceIsAMistake) {
  std::filesystem::create_directory("roktcached.toml");
  const auto settings = load(std::nullopt, environment_of({}));
  ASSERT_FALSE(settings) << "settings that somebody meant to give are not passed over";
  EXPECT_THAT(settings.error().context, StartsWith("roktcached.toml: "));
}

TEST_F(FindFileTest, AnEmptyNameIsNoFile) {
  EXPECT_THAT(load(std::nullopt, environment_of({{"ROKTCACHED_CONFIG", ""}})).error().context,
              HasSubstr("ROKTCACHED_CONFIG"));
}

}  // namespace
}  // namespace roktcached::config
