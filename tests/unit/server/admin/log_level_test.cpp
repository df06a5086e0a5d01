#include "server/admin/log_level.h"

#include <gtest/gtest.h>

namespace roktcached::admin {
namespace {

TEST(LogLevelTest, EachLevelIsRead) {
  for (const auto level : {config::LogLevel::trace, config::LogLevel::debug, config::LogLevel::info,
                           config::LogLevel::warn, config::LogLevel::error}) {
    const std::string content = R"({"level": ")" + std::string(config::to_string(level)) + R"("})";
    const auto parsed = parse_log_level(content);
    ASSERT_TRUE(parsed) << content;
    EXPECT_EQ(*parsed, level);
  }
}

TEST(LogLevelTest, AnythingElseIsNamed) {
  for (const std::string content : {"", "debug", "{}", R"({"level": "loud"})", R"({"level": 1})",
                                    R"({"level": "debug", "for": "1h"})", R"(["debug"])"}) {
    const auto parsed = parse_log_level(content);
    ASSERT_FALSE(parsed) << content;
    EXPECT_EQ(parsed.error().code, ErrorCode::invalid_request);
    EXPECT_NE(parsed.error().context.find("content: " + content + "; accepted: {\"level\": \"debug\"}"),
              std::string::npos)
        << parsed.error().context;
  }
}

}  // namespace
}  // namespace roktcached::admin
