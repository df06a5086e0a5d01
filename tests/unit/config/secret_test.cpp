#include "config/secret.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <concepts>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace roktcached::config {
namespace {

template <class Value>
concept Printable = requires(std::ostream& out, const Value& value) {
  out << value;
};

static_assert(Printable<std::string>, "the concept finds what can be printed");
static_assert(!Printable<Secret>);
static_assert(!std::is_convertible_v<std::string, Secret>, "a string becomes a secret only on purpose");
static_assert(!std::is_convertible_v<Secret, std::string>);
static_assert(!std::is_convertible_v<Secret, std::string_view>);
static_assert(!std::equality_comparable<Secret>, "no comparison that stops at the first different byte");

TEST(Secret, IsEmptyByDefault) {
  const Secret secret;
  EXPECT_TRUE(secret.empty());
  EXPECT_EQ(secret.reveal(), "");
}

TEST(Secret, RevealsWhatItHolds) {
  const Secret secret("hunter2");
  EXPECT_FALSE(secret.empty());
  EXPECT_EQ(secret.reveal(), "hunter2");
}

TEST(Secret, CopyLeavesTheSource) {
  const Secret source("hunter2");
  const Secret constructed(source);
  Secret assigned("before");
  assigned = source;
  EXPECT_EQ(source.reveal(), "hunter2");
  EXPECT_EQ(constructed.reveal(), "hunter2");
  EXPECT_EQ(assigned.reveal(), "hunter2");
}

TEST(Secret, MoveEmptiesTheSource) {
  Secret source("hunter2");
  Secret constructed(std::move(source));
  EXPECT_TRUE(source.empty());
  EXPECT_EQ(constructed.reveal(), "hunter2");

  Secret assigned("before");
  assigned = std::move(constructed);
  EXPECT_TRUE(constructed.empty());
  EXPECT_EQ(assigned.reveal(), "hunter2");
}

TEST(Secret, SurvivesAssignmentToItself) {
  Secret secret("hunter2");
  Secret& alias = secret;
  secret = alias;
  EXPECT_EQ(secret.reveal(), "hunter2");
  secret = std::move(alias);
  EXPECT_EQ(secret.reveal(), "hunter2");
}

// A string this short lives inside the object, so that the object's own bytes show whether it was wiped.
TEST(Secret, LeavesNothingBehindInItsMemory) {
  constexpr std::string_view text = "0123456789";
  alignas(Secret) std::array<char, sizeof(Secret)> storage{};
  const auto holds_text = [&storage, text] { return !std::ranges::search(storage, text).empty(); };

  auto* secret = std::construct_at(reinterpret_cast<Secret*>(storage.data()), std::string(text));
  ASSERT_TRUE(holds_text());
  std::destroy_at(secret);
  EXPECT_FALSE(holds_text());
}

TEST(Secret, LeavesNothingBehindWhereItWasMovedFrom) {
  constexpr std::string_view text = "0123456789";
  alignas(Secret) std::array<char, sizeof(Secret)> storage{};
  auto* secret = std::construct_at(reinterpret_cast<Secret*>(storage.data()), std::string(text));
  const Secret taken(std::move(*secret));
  EXPECT_TRUE(std::ranges::search(storage, text).empty());
  EXPECT_EQ(taken.reveal(), text);
  std::destroy_at(secret);
}

}  // namespace
}  // namespace roktcached::config
