#include "server/admin/mutation.h"

#include <gtest/gtest.h>

namespace roktcached::admin {
namespace {

const config::Secret token("0123456789abcdef");

http::Request request() {
  http::Request made;
  made.method = "POST";
  made.fields.add("Host", "127.0.0.1:8081");
  made.fields.add("Authorization", "Bearer 0123456789abcdef");
  made.fields.add("Content-Type", "application/json");
  return made;
}

ErrorCode refusal(const http::Request& made, const config::Secret& with = token) {
  const auto checked = check_mutation(made, with, false);
  EXPECT_FALSE(checked);
  return checked ? ErrorCode::internal : checked.error().code;
}

http::Request with(std::string_view name, std::string_view value) {
  http::Request made = request();
  made.fields.remove(name);
  if (!value.empty()) made.fields.add(name, value);
  return made;
}

TEST(Mutation, IsAllowedWithTokenAndJson) {
  EXPECT_TRUE(check_mutation(request(), token, false));
  EXPECT_TRUE(check_mutation(with("Authorization", "bearer 0123456789abcdef"), token, false));
  EXPECT_TRUE(check_mutation(with("Content-Type", "Application/JSON ; charset=utf-8"), token, false));
}

TEST(Mutation, IsForbiddenToAllWhereNoTokenIsConfigured) {
  EXPECT_EQ(refusal(request(), config::Secret()), ErrorCode::forbidden);
  EXPECT_EQ(refusal(with("Authorization", "Bearer "), config::Secret()), ErrorCode::forbidden);
  EXPECT_NE(check_mutation(request(), config::Secret(), false).error().context.find("admin.token_file"),
            std::string::npos);
}

TEST(Mutation, NeedsTheTokenAndNoOther) {
  for (const char* value : {"", "Bearer", "Basic 0123456789abcdef", "0123456789abcdef"})
    EXPECT_EQ(refusal(with("Authorization", value)), ErrorCode::unauthenticated) << value;
  for (const char* value : {"Bearer 0123456789abcde", "Bearer 0123456789abcdeg", "Bearer 0123456789abcdef0"})
    EXPECT_EQ(refusal(with("Authorization", value)), ErrorCode::invalid_token) << value;
  http::Request twice = request();
  twice.fields.add("Authorization", "Bearer 0123456789abcdef");
  EXPECT_EQ(refusal(twice), ErrorCode::invalid_token);
}

TEST(Mutation, NeedsNoTokenOverTheOwnersSocket) {
  EXPECT_TRUE(check_mutation(with("Authorization", ""), config::Secret(), true));
  EXPECT_EQ(check_mutation(with("Content-Type", "text/plain"), token, true).error().code,
            ErrorCode::unsupported_media_type);
}

TEST(Mutation, NeedsJson) {
  for (const char* value : {"", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"})
    EXPECT_EQ(refusal(with("Content-Type", value)), ErrorCode::unsupported_media_type) << value;
}

}  // namespace
}  // namespace roktcached::admin
