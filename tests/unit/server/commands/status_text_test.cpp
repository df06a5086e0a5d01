#include "server/commands/status_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <sstream>

#include "server/commands/text.h"

namespace roktcached::commands {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view healthy = R"({
  "version": "1.2.3", "uptime_s": 273600, "connections": 12,
  "token": {"state": "alive"},
  "cache": {"memory": {"entries": 1204, "bytes": 12897484, "bytes_max": 268435456, "trouble": null}},
  "requests": {"hit": 12300, "miss": 84, "collapsed": 96, "refused": 7},
  "clients": [
    {"client": "tool", "asked": 20, "from_cache": 10, "upstream": 9,
     "routes": {"account-summary": {"asked": 20, "from_cache": 10, "upstream": 9}}},
    {"client": "bi", "asked": 12467, "from_cache": 12290, "upstream": 87,
     "routes": {"account-summary": {"asked": 12467, "from_cache": 12290, "upstream": 87}}}],
  "restatements": 0, "upstream_requests": 96,
  "upstream": {"circuit": "closed", "open_routes": [],
    "credentials": [{"name": "default", "token": {"state": "alive", "expires_at_unix_ms": 1060000},
      "budget": {"requests_per_second": 8, "ceiling": 10, "available": 20, "paused": false, "in_flight": 1,
                 "queued": 3}}]}})";

std::string text_of(std::string_view status) {
  return status_text(boost::json::parse(status), wall_time_from_unix_ms(1'000'000));
}

TEST(StatusText, TellsAtAGlanceHowItIs) {
  const std::string text = text_of(healthy);
  EXPECT_THAT(text, HasSubstr("roktcached 1.2.3, up 3 d 4 h, 12 connections\n"));
  EXPECT_THAT(text, HasSubstr("state      ready\n"));
  EXPECT_THAT(text, HasSubstr("token      default: alive, expires in 1 min\n"));
  EXPECT_THAT(text,
              HasSubstr("budget     default: 8 of 10 calls a second, 20 at once, 1 under way, 3 wait\n"));
  EXPECT_THAT(text, HasSubstr("cache      memory: 1,204 entries, 12.3 MiB of 256.0 MiB\n"));
  EXPECT_THAT(text, HasSubstr("answers    12,480 answers for 96 upstream calls; 98.6 % from the cache\n"));
  EXPECT_THAT(text, HasSubstr("restated   no number that was given out has changed\n"));
}

TEST(StatusText, TellsWhatWasWarmed) {
  EXPECT_THAT(text_of(healthy), Not(HasSubstr("warmed"))) << "of a daemon that does not know it";
  EXPECT_THAT(
      text_of(
          R"({"warming": {"warmed": 1200, "used": 1190, "unused": 10, "failed": 2, "learned": 40, "named": 1}})"),
      HasSubstr("warmed     1,200 before anybody asked; 1,190 used, 10 never used, 2 failed\n"
                "           40 templates learned, 1 named\n"));
  EXPECT_THAT(
      text_of(R"({"warming": {"warmed": 0, "used": 0, "unused": 0, "failed": 0, "learned": 0, "named": 0}})"),
      HasSubstr("warmed     nothing yet\n           0 templates learned, 0 named\n"));
}

TEST(StatusText, HasNoCommandToTheTerminalWhoeverHasChosenATextOfIt) {
  const std::string text = text_of(R"({"version": "1\u001b[2J", "clients": [{"client": "\u009b31mbi\u007f",
    "asked": 1, "routes": {"a\u001bb": {"asked": 1}}}], "requests": {"hit\u001b": 1},
    "cache": {"memory\u001b": {"entries": 1, "trouble": "no\u001b"}},
    "upstream": {"open_routes": ["c\u001bd"]}})");
  EXPECT_THAT(text, HasSubstr("roktcached 1 [2J, up"));
  EXPECT_THAT(text, HasSubstr(" 31mbi "));
  EXPECT_THAT(text, HasSubstr("a b "));
  EXPECT_THAT(text, HasSubstr("the upstream fails on route c d"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, Not(HasSubstr("\x9b")));
}

TEST(StatusText, TellsOfAFleet) {
  EXPECT_THAT(text_of(healthy), Not(HasSubstr("fleet"))) << "of a daemon that has none";
  const std::string text = text_of(R"({"fleet": {"state": "together", "members": 8, "members_known": 9,
    "fetches": {"led": 3, "taken": 1400, "waited": 12}, "link": {"typical_ms": 0.2}}})");
  EXPECT_THAT(text,
              HasSubstr("fleet      together, 8 of 9 members, 1,412 answers from others, engine 0.2 ms\n"));
  EXPECT_THAT(text, HasSubstr("state      ready\n"));
  EXPECT_THAT(text_of(R"({"fleet": {"state": "alone", "trouble": "Connection refused"}})"),
              HasSubstr("state      degraded: alone, without the fleet: Connection refused\n"));
}

TEST(StatusText, ClientsAndReportsStandInTheOrderOfWhatTheyAsked) {
  const std::string text = text_of(healthy);
  EXPECT_LT(text.find("\nbi "), text.find("\ntool "));
  EXPECT_THAT(text, ContainsRegex("account-summary +12,487 +98.5 % +96\n"));
}

TEST(StatusText, NamesAllThatIsAmiss) {
  const std::string text = text_of(R"({
    "cache": {"disk": {"trouble": "cannot be read"}},
    "upstream": {"circuit": "open", "open_routes": ["account-summary"],
      "credentials": [{"name": "emea", "token": {"state": "dead", "last_error": "401"}}]}})");
  EXPECT_THAT(text, HasSubstr("state      degraded: credential emea has no token: 401\n"));
  EXPECT_THAT(text, HasSubstr("           the upstream fails on route account-summary\n"));
  EXPECT_THAT(text, HasSubstr("           cache, disk: cannot be read\n"));
  EXPECT_THAT(text, Not(HasSubstr("ready")));
}

TEST(StatusText, FitsATerminalWhateverItSays) {
  const std::string long_name(200, 'n');
  std::istringstream lines(text_of(R"({"cache": {"disk": {"trouble": ")" + long_name +
                                   R"("}}, "clients": [{"client": ")" + long_name +
                                   R"(", "asked": 18446744073709551615, "routes": {}}]})"));
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), line_width) << line;
}

TEST(StatusText, ADaemonOfAnotherVersionMaySayLess) {
  EXPECT_THAT(text_of("{}"), HasSubstr("0 answers for 0 upstream calls; - from the cache"));
}

}  // namespace
}  // namespace roktcached::commands
