#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <set>
#include <string>

#include "config/load.h"
#include "config/schema.h"
#include "tests/unit/config/support.h"

namespace roktcached::config {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class EnvironmentTest : public testing::Test {
 protected:
  Loader loader_;
};

TEST_F(EnvironmentTest, OverridesTheFile) {
  const auto settings =
      loader_.load("[listen]\nthreads = 1\nhead_timeout = \"1s\"\n[log]\naccess = true\n",
                   {{"ROKTCACHED_LISTEN_THREADS", "2"}, {"ROKTCACHED_LOG_ACCESS", "false"}});
  ASSERT_TRUE(settings) << settings.error().context;
  EXPECT_EQ(settings->listen.threads, 2U);
  EXPECT_FALSE(settings->log.access);
  EXPECT_EQ(settings->listen.head_timeout, 1s) << "what the environment does not say stays the file's";
}

TEST_F(EnvironmentTest, EverySettingHasAVariable) {
  for (const auto& row : schema()) {
    static const std::set<std::string> texts = {"cache.file",
                                                "upstream.ca_file",
                                                "admin.token_file",
                                                "listen.unix_group",
                                                "listen.token_key_file",
                                                "log.file",
                                                "fleet.username",
                                                "fleet.password_file",
                                                "fleet.ca_file",
                                                "fleet.certificate_file",
                                                "fleet.key_file",
                                                "fleet.entry_key_file"};
    const bool any_text = texts.contains(row.name());
    const auto settings = loader_.load("# nothing", {{row.environment_name(), "?"}});
    ASSERT_EQ(settings.has_value(), any_text) << row.name();
    if (any_text) {
      EXPECT_EQ(row.get(*settings), RawValue(std::string("?"))) << row.name();
    } else {
      EXPECT_THAT(settings.error().context, StartsWith("$" + row.environment_name() + ": "));
    }
  }
}

TEST_F(EnvironmentTest, ANumberMayHaveAFraction) {
  const std::string variable = "ROKTCACHED_UPSTREAM_BUDGET_REQUESTS_PER_SECOND";
  for (const auto& [text, value] :
       std::map<std::string, double>{{"0", 0}, {"2.5", 2.5}, {"10", 10}, {"1e3", 1000}}) {
    const auto settings =
        loader_.load("[upstream.budget]\nrequests_per_second = 1\nburst = 3\n", {{variable, text}});
    ASSERT_TRUE(settings) << settings.error().context;
    EXPECT_EQ(settings->upstream.budget.requests_per_second, value) << text;
    EXPECT_EQ(settings->upstream.budget.burst, 3U);
    EXPECT_EQ(settings->credentials.front().budget, settings->upstream.budget);
  }
  for (const char* text : {"", "nan", "inf", "-1", "+1", " 1", "1 ", "0x1p3", "1,5", "ten"}) {
    EXPECT_THAT(loader_.mistakes("# nothing", {{variable, text}}),
                ElementsAre(AllOf(StartsWith("$" + variable + ": "), HasSubstr("accepted: 0, or a number"))))
        << text;
  }
}

TEST_F(EnvironmentTest, SplitsListsAtCommas) {
  const auto settings = loader_.load("# nothing", {{"ROKTCACHED_LISTEN_ADDRESSES", "127.0.0.1:1, [::1]:2"},
                                                   {"ROKTCACHED_PARAMETERS_EXTRA_CURRENCIES", ""}});
  ASSERT_TRUE(settings) << settings.error().context;
  EXPECT_THAT(settings->listen.addresses, ElementsAre(Endpoint{"127.0.0.1", 1}, Endpoint{"[::1]", 2}));
  EXPECT_THAT(settings->parameters.extra_currencies, IsEmpty());
}

TEST_F(EnvironmentTest, AMistakeNamesTheVariableItsValueAndWhatIsAccepted) {
  EXPECT_THAT(loader_.mistakes("# nothing", {{"ROKTCACHED_LISTEN_HEAD_TIMEOUT", "10"}}),
              ElementsAre(AllOf(StartsWith("$ROKTCACHED_LISTEN_HEAD_TIMEOUT: "), HasSubstr("\"10\""),
                                HasSubstr("accepted: a duration"))));
  for (const char* value : {"", "1.5", "4x", " 4", "four", "0x4"}) {
    EXPECT_THAT(loader_.mistakes("# nothing", {{"ROKTCACHED_LISTEN_THREADS", value}}),
                ElementsAre(HasSubstr("accepted: a whole number")))
        << value;
  }
  for (const char* value : {"", "1", "yes", "True"}) {
    EXPECT_THAT(loader_.mistakes("# nothing", {{"ROKTCACHED_LOG_ACCESS", value}}),
                ElementsAre(HasSubstr("accepted: true or false")))
        << value;
  }
}

TEST_F(EnvironmentTest, AnUnknownVariableIsRefusedWithASuggestion) {
  EXPECT_THAT(loader_.mistakes("# nothing", {{"ROKTCACHED_LISTEN_THREAD", "4"}}),
              ElementsAre(AllOf(StartsWith("$ROKTCACHED_LISTEN_THREAD: "),
                                HasSubstr("did you mean ROKTCACHED_LISTEN_THREADS?"))));
}

TEST_F(EnvironmentTest, AnUnknownVariablesValueIsNotRepeated) {
  EXPECT_THAT(
      loader_.mistakes("# nothing", {{"ROKTCACHED_CREDENTIAL_APP_SECRET", "hunter2"}}),
      ElementsAre(AllOf(StartsWith("$ROKTCACHED_CREDENTIAL_APP_SECRET: "), Not(HasSubstr("hunter2")))));
}

TEST_F(EnvironmentTest, OtherProgramsVariablesAreLeftAlone) {
  EXPECT_THAT(
      loader_.mistakes("# nothing",
                       {{"ROKTCACHED", "x"}, {"ROKT_APP_ID", "x"}, {"roktcached_listen_threads", "x"}}),
      IsEmpty());
}

TEST_F(EnvironmentTest, TheFilesOwnVariableIsNoSetting) {
  EXPECT_THAT(loader_.mistakes("# nothing", {{"ROKTCACHED_CONFIG", "/nowhere"}}), IsEmpty())
      << "a named file comes first";
}

TEST_F(EnvironmentTest, CorrectsNothingThatTheFileGetsWrong) {
  EXPECT_THAT(loader_.mistakes("[listen]\nthreads = -1\n", {{"ROKTCACHED_LISTEN_THREADS", "2"}}),
              ElementsAre(StartsWith("FILE:2: listen.threads")));
}

TEST(ProcessEnvironment, IsTheProcesses) {
  ASSERT_EQ(::setenv("ROKTCACHED_TEST_VARIABLE", "a=b", 1), 0);
  const Environment environment = process_environment();
  EXPECT_EQ(environment.get("ROKTCACHED_TEST_VARIABLE"), "a=b");
  EXPECT_THAT(environment.names(), Contains("ROKTCACHED_TEST_VARIABLE"));
  ASSERT_EQ(::unsetenv("ROKTCACHED_TEST_VARIABLE"), 0);
  EXPECT_EQ(environment.get("ROKTCACHED_TEST_VARIABLE"), std::nullopt);
}

}  // namespace
}  // namespace roktcached::config
