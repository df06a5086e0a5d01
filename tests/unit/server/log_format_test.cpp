#include "server/log_format.h"

#include <gtest/gtest.h>
#include <spdlog/details/log_msg.h>

#include <chrono>
#include <string>

#include "server/log_event.h"

namespace roktcached {
namespace {

using config::LogFormat;

/// A line as it travels: the sentence, the event, then fields.
std::string line_of(const std::string& sentence, const std::string& rest) {
  std::string line = LogEvent::begin + sentence;
  return line + LogEvent::separator + rest;
}
const std::string unit_separator(1, LogEvent::separator);

std::string formatted(LogFormat format, const std::string& payload,
                      spdlog::level::level_enum level = spdlog::level::info) {
  const spdlog::log_clock::time_point time(std::chrono::milliseconds(1'769'862'600'123));
  const spdlog::details::log_msg message(time, spdlog::source_loc(), "", level, payload);
  spdlog::memory_buf_t line;
  log_formatter(format)->format(message, line);
  return {line.data(), line.size()};
}

std::string without_time(LogFormat format, const std::string& payload) {
  const spdlog::details::log_msg message("", spdlog::level::info, payload);
  spdlog::memory_buf_t line;
  append_without_time(message, format, line);
  return {line.data(), line.size()};
}

TEST(LogFormatTest, AnEventIsASentenceForPeopleAndTypedFieldsForMachines) {
  const std::string line = line_of("token: minted", "token-minted" + unit_separator + "credential=default" +
                                                        unit_separator + "lifetime_s#3600");
  EXPECT_EQ(formatted(LogFormat::text, line), "2026-01-31T12:30:00.123Z info  token: minted\n");
  EXPECT_EQ(
      formatted(LogFormat::json, line),
      R"({"time_unix_ms":1769862600123,"level":"info","event":"token-minted","message":"token: minted",)"
      R"("credential":"default","lifetime_s":3600})"
      "\n");
}

TEST(LogFormatTest, AnEventWithoutASentenceIsItsFieldsInBoth) {
  const std::string line =
      line_of("", "request" + unit_separator + "client=anonymous" + unit_separator + "status#200" +
                      unit_separator + "upstream_ms#-" + unit_separator + "key=-");
  EXPECT_EQ(formatted(LogFormat::text, line),
            "2026-01-31T12:30:00.123Z info  client=anonymous status=200 upstream_ms=- key=-\n");
  EXPECT_EQ(
      formatted(LogFormat::json, line),
      R"({"time_unix_ms":1769862600123,"level":"info","event":"request","client":"anonymous","status":200,)"
      R"("upstream_ms":null,"key":null})"
      "\n");
}

TEST(LogFormatTest, ALineThatIsNoEventIsItsMessage) {
  EXPECT_EQ(formatted(LogFormat::text, "plain"), "2026-01-31T12:30:00.123Z info  plain\n");
  EXPECT_EQ(formatted(LogFormat::json, "pl\"ai\nn\\", spdlog::level::warn),
            "{\"time_unix_ms\":1769862600123,\"level\":\"warning\",\"event\":\"message\","
            "\"message\":\"pl\\\"ai\\u000an\\\\\"}\n");
  EXPECT_EQ(formatted(LogFormat::json, "a" + unit_separator + "b=c"),
            "{\"time_unix_ms\":1769862600123,\"level\":\"info\",\"event\":\"message\",\"message\":"
            "\"a\\u001fb=c\"}\n")
      << "what comes from outside makes no field";
}

TEST(LogFormatTest, NothingInALineIsACommandToATerminal) {
  const std::string chosen =
      "\x1b[2J\x7f\u009b31m\x9b"
      "32mZo\u00eb";
  const std::string shown = " [2J  31m?32mZo\u00eb";
  const std::string escaped = R"(\u001b[2J\u007f\u009b31m\ufffd32mZo)"
                              "\u00eb";
  EXPECT_EQ(without_time(LogFormat::text, chosen), shown);
  EXPECT_EQ(without_time(LogFormat::text, line_of("", "request" + unit_separator + "client=" + chosen)),
            "client=" + shown);
  EXPECT_EQ(without_time(LogFormat::json, chosen), R"({"event":"message","message":")" + escaped + R"("})");
  EXPECT_EQ(without_time(LogFormat::json, line_of("", "request" + unit_separator + "client=" + chosen)),
            R"({"event":"request","client":")" + escaped + R"("})");
}

TEST(LogFormatTest, TheJournalHasTheTimeItself) {
  const std::string line = line_of("said", "done" + unit_separator + "count#3");
  EXPECT_EQ(without_time(LogFormat::text, line), "said");
  EXPECT_EQ(without_time(LogFormat::json, line), R"({"event":"done","message":"said","count":3})");
  EXPECT_EQ(
      without_time(LogFormat::text, line_of("", "request" + unit_separator + "a=1" + unit_separator + "b=2")),
      "a=1 b=2");
}

TEST(LogLineTest, IsReadFieldByField) {
  const std::string payload =
      line_of("a sentence", "an-event" + unit_separator + "text=a=b#c" + unit_separator + "number#-5" +
                                unit_separator + "empty=");
  LogLine line(payload);
  EXPECT_EQ(line.sentence(), "a sentence");
  EXPECT_EQ(line.event(), "an-event");
  const auto text = line.next();
  ASSERT_TRUE(text);
  EXPECT_EQ(text->name, "text");
  EXPECT_EQ(text->value, "a=b#c") << "the first sign is the sign";
  EXPECT_FALSE(text->is_number);
  const auto number = line.next();
  ASSERT_TRUE(number);
  EXPECT_EQ(number->value, "-5");
  EXPECT_TRUE(number->is_number);
  const auto empty = line.next();
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->value, "");
  EXPECT_FALSE(line.next());
}

}  // namespace
}  // namespace roktcached
