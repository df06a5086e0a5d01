#include "config/mistakes.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace roktcached::config {
namespace {

TEST(Mistakes, StandOnALineEach) {
  Mistakes mistakes;
  EXPECT_TRUE(mistakes.empty());
  EXPECT_EQ(mistakes.text(), "");
  mistakes.add("a.toml:1", "first");
  EXPECT_FALSE(mistakes.empty());
  EXPECT_EQ(mistakes.text(), "a.toml:1: first");
  mistakes.add("$NAME", "second");
  EXPECT_EQ(mistakes.text(), "a.toml:1: first\n$NAME: second");
}

TEST(Suggestion, IsTheNearestCandidate) {
  const std::vector<std::string> candidates = {"head_timeout", "body_timeout", "threads", "max_head"};
  EXPECT_EQ(suggestion("head_timout", candidates), "; did you mean head_timeout?");
  EXPECT_EQ(suggestion("thread", candidates), "; did you mean threads?");
  EXPECT_EQ(suggestion("haed_max", {"max_head"}), "") << "too far to be a slip";
  EXPECT_EQ(suggestion("ody_timeout", candidates), "; did you mean body_timeout?");
}

TEST(Suggestion, IsEmptyWhereNothingIsLike) {
  EXPECT_EQ(suggestion("zzz", {"file", "max_disk"}), "");
  EXPECT_EQ(suggestion("", {"file"}), "");
  EXPECT_EQ(suggestion("file", {}), "");
}

TEST(Suggestion, OfASecretIsTheFileThatHoldsIt) {
  EXPECT_EQ(suggestion("password", {"passwords", "password_file"}), "; did you mean password_file?");
  EXPECT_EQ(suggestion("app_id", {"app_secret_file", "app_id_file"}), "; did you mean app_id_file?");
}

TEST(Suggestion, IsAllOfThemWhereNothingIsLike) {
  EXPECT_EQ(suggestion_or_all("zzz", {"file", "max_disk"}), "; accepted: file, max_disk");
  EXPECT_EQ(suggestion_or_all("fil", {"file", "max_disk"}), "; did you mean file?");
  EXPECT_EQ(suggestion_or_all("zzz", {}), "");
}

}  // namespace
}  // namespace roktcached::config
