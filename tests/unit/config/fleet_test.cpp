#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "config/credentials.h"
#include "config/effective.h"
#include "config/values.h"
#include "tests/unit/config/support.h"

namespace roktcached::config {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Kind = EngineUrl::Kind;

TEST(EngineUrl, IsReadAndWrittenInOneSpelling) {
  struct Case {
    std::string text;
    EngineUrl url;
    std::string written;
  };
  for (const auto& [text, url, written] : std::vector<Case>{
           {"redis://127.0.0.1", {Kind::tcp, "127.0.0.1", 6379, ""}, "redis://127.0.0.1"},
           {"redis://[::1]:7000", {Kind::tcp, "[::1]", 7000, ""}, "redis://[::1]:7000"},
           {"rediss://fleet.example.com",
            {Kind::tls, "fleet.example.com", 6379, ""},
            "rediss://fleet.example.com"},
           {"rediss://h:6380/", {Kind::tls, "h", 6380, ""}, "rediss://h:6380"},
           {"redis://localhost:6379/0", {Kind::tcp, "localhost", 6379, ""}, "redis://localhost"},
           {"unix:/run/redis/redis.sock",
            {Kind::unix_socket, "", 0, "/run/redis/redis.sock"},
            "unix:/run/redis/redis.sock"}}) {
    const auto read = parse_engine_url(text);
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(*read, url) << text;
    EXPECT_EQ(to_string(*read), written);
  }
}

TEST(EngineUrl, OfAnotherFormIsRefused) {
  for (const char* text : {"redis://",        "redis://:6379",  "redis://h:0",
                           "redis://h:65536", "redis://h:x",    "redis://h/1",
                           "redis://h/00",    "redis://h?db=0", "redis://h#x",
                           "redis://user@h",  "redis://:pw@h",  "rediss://u:pw@h:1",
                           "http://h",        "h:6379",         "REDIS://h",
                           "unix:run/x",      "unix:/",         "redis+unix:///run/x",
                           "redis://h /",     "redis://a,b",    "redis://::1"})
    EXPECT_FALSE(parse_engine_url(text)) << text;
}

TEST(FleetSettings, HaveTheirDefaults) {
  const auto settings = Loader().load("# nothing");
  ASSERT_TRUE(settings);
  const Fleet& fleet = settings->fleet;
  EXPECT_FALSE(fleet.url);
  EXPECT_EQ(fleet.expected_instances, 0U);
  EXPECT_EQ(fleet.control_timeout, 250ms);
  EXPECT_EQ(fleet.instance, "");
}

TEST(FleetSettings, ComeFromTheFileAndTheEnvironment) {
  const auto settings = Loader().load(
      R"([fleet]
url = "rediss://fleet.example.com:6380"
username = "roktcached"
password_file = "/p"
ca_file = "/ca"
certificate_file = "/c"
key_file = "/k"
entry_key_file = "/e"
expected_instances = 3
control_timeout = "100ms")",
      {{"ROKTCACHED_FLEET_INSTANCE", "rc-0.a_b"}, {"ROKTCACHED_FLEET_EXPECTED_INSTANCES", "8"}});
  ASSERT_TRUE(settings) << settings.error().context;
  const Fleet& fleet = settings->fleet;
  EXPECT_EQ(fleet.url, (EngineUrl{Kind::tls, "fleet.example.com", 6380, ""}));
  EXPECT_EQ(fleet.username, "roktcached");
  EXPECT_EQ(fleet.password_file, "/p");
  EXPECT_EQ(fleet.ca_file + fleet.certificate_file + fleet.key_file, "/ca/c/k");
  EXPECT_EQ(fleet.entry_key_file, "/e");
  EXPECT_EQ(fleet.expected_instances, 8U);
  EXPECT_EQ(fleet.control_timeout, 100ms);
  EXPECT_EQ(fleet.instance, "rc-0.a_b");
  EXPECT_THAT(effective_toml(*settings),
              AllOf(HasSubstr("[fleet]\nurl = \"rediss://fleet.example.com:6380\"\n"),
                    HasSubstr("control_timeout = \"100ms\"\n")));
}

TEST(FleetSettings, OutOfBoundsAreRefused) {
  const std::string longest(64, 'a');
  const Loader loader;
  EXPECT_THAT(loader.mistakes("[fleet]\ninstance = \"" + longest + "\"\ncontrol_timeout = \"10s\""),
              IsEmpty());
  for (const std::string& line :
       {std::string("expected_instances = 10001"), std::string("expected_instances = -1"),
        std::string("control_timeout = \"9ms\""), std::string("control_timeout = \"10001ms\""),
        std::string("instance = \"a b\""), std::string("instance = \"a/b\""),
        "instance = \"" + longest + "a\"", std::string("username = \"a b\""),
        std::string("username = \"\\u0007\"")}) {
    const std::string key = line.substr(0, line.find(' '));
    EXPECT_THAT(loader.mistakes("[fleet]\n" + line),
                ElementsAre(AllOf(HasSubstr("FILE:2: fleet." + key), HasSubstr("accepted: "))))
        << line;
  }
}

TEST(FleetSettings, AUrlWithAnotherDatabaseOrAUserIsToldWhatToDo) {
  const Loader loader;
  EXPECT_THAT(
      loader.mistakes("[fleet]\nurl = \"redis://localhost/3\""),
      ElementsAre(AllOf(HasSubstr("fleet.url = \"redis://localhost/3\""), HasSubstr("of database 0 only"))));
  EXPECT_THAT(
      loader.mistakes("[fleet]\nurl = \"redis://u:pa55@localhost\""),
      ElementsAre(AllOf(HasSubstr("fleet.username and fleet.password_file"), Not(HasSubstr("pa55")))));
  EXPECT_THAT(loader.mistakes("# nothing", {{"ROKTCACHED_FLEET_URL", "redis://:pa55@localhost"}}),
              ElementsAre(AllOf(HasSubstr("$ROKTCACHED_FLEET_URL"), Not(HasSubstr("pa55")))));
}

TEST(FleetSettings, ClearTextBeyondLoopbackIsRefused) {
  const Loader loader;
  for (const char* url : {"redis://localhost", "redis://127.9.8.7:1", "redis://[::1]", "unix:/run/r.sock",
                          "rediss://10.1.2.3", "rediss://fleet.example.com"})
    EXPECT_THAT(loader.mistakes("[fleet]\nurl = \"" + std::string(url) + "\""), IsEmpty()) << url;
  for (const char* url : {"redis://10.1.2.3", "redis://fleet.example.com", "redis://127.example.com"})
    EXPECT_THAT(
        loader.mistakes("[fleet]\nurl = \"" + std::string(url) + "\""),
        ElementsAre(AllOf(HasSubstr("FILE:2: fleet.url: " + std::string(url)), HasSubstr("rediss://"))))
        << url;
}

TEST(FleetSettings, FilesForTlsGoWithTlsAndTwoByTwo) {
  const Loader loader;
  const std::string tls = "[fleet]\nurl = \"rediss://h\"\n";
  EXPECT_THAT(loader.mistakes(tls + "certificate_file = \"/c\"\nkey_file = \"/k\"\nca_file = \"/a\""),
              IsEmpty());
  EXPECT_THAT(
      loader.mistakes(tls + "certificate_file = \"/c\""),
      ElementsAre("FILE:3: fleet.certificate_file: is of no use alone; accepted: with fleet.key_file"));
  EXPECT_THAT(
      loader.mistakes(tls + "key_file = \"/k\""),
      ElementsAre("FILE:3: fleet.key_file: is of no use alone; accepted: with fleet.certificate_file"));
  EXPECT_THAT(
      loader.mistakes(
          "[fleet]\nurl = \"unix:/r\"\nca_file = \"/a\"\ncertificate_file = \"/c\"\nkey_file = \"/k\""),
      ElementsAre(HasSubstr("fleet.ca_file: is for TLS, and fleet.url is unix:/r"),
                  HasSubstr("fleet.certificate_file: is for TLS"), HasSubstr("fleet.key_file: is for TLS")));
}

class FleetSecrets : public testing::Test {
 protected:
  FleetSecrets() { fleet.url = EngineUrl{Kind::tcp, "localhost", 6379, ""}; }

  [[nodiscard]] std::string refusal(Variables variables = {}) {
    const auto loaded = load_fleet_secrets(fleet, environment_of(std::move(variables)));
    if (loaded) return "";
    EXPECT_EQ(loaded.error().code, ErrorCode::configuration);
    return loaded.error().context;
  }
  [[nodiscard]] std::vector<std::string> keys() const {
    std::vector<std::string> texts;
    for (const Secret& key : fleet.entry_keys) texts.push_back(key.reveal());
    return texts;
  }

  TemporaryFolder folder;
  Fleet fleet;
};

TEST_F(FleetSecrets, MayBeNone) {
  EXPECT_EQ(refusal(), "");
  EXPECT_TRUE(fleet.password.empty());
  EXPECT_THAT(fleet.entry_keys, IsEmpty());
}

TEST_F(FleetSecrets, ThePasswordComesFromTheFirstPlaceThatHasOne) {
  folder.write("rokt_fleet_password", "of systemd\n");
  EXPECT_THAT(refusal({{"CREDENTIALS_DIRECTORY", folder.path()}}), HasSubstr("not visible ASCII"));
  folder.write("rokt_fleet_password", "of-systemd\n");
  EXPECT_EQ(refusal({{"CREDENTIALS_DIRECTORY", folder.path()}}), "");
  EXPECT_EQ(fleet.password.reveal(), "of-systemd");
  EXPECT_EQ(
      refusal({{"CREDENTIALS_DIRECTORY", folder.path()}, {"ROKTCACHED_FLEET_PASSWORD", "of-environment"}}),
      "");
  EXPECT_EQ(fleet.password.reveal(), "of-environment");
  fleet.password_file = folder.write("password", "of-file\n");
  EXPECT_EQ(refusal({{"ROKTCACHED_FLEET_PASSWORD", "of-environment"}}), "");
  EXPECT_EQ(fleet.password.reveal(), "of-file");
  EXPECT_TRUE(Loader().load("# nothing", {{"ROKTCACHED_FLEET_PASSWORD", "of-environment"}}))
      << "it is no mistake";
}

TEST_F(FleetSecrets, AFileThatOthersCanReadIsRefused) {
  fleet.password_file = folder.write("password", "pa55word");
  ::chmod(fleet.password_file.c_str(), 0644);
  EXPECT_THAT(refusal(),
              AllOf(HasSubstr("fleet.password_file: "), HasSubstr("0644"), Not(HasSubstr("pa55word"))));
  fleet.password_file.clear();
  fleet.entry_key_file = folder.write("keys", std::string(32, 'k'));
  ::chmod(fleet.entry_key_file.c_str(), 0644);
  EXPECT_THAT(refusal(),
              AllOf(HasSubstr("fleet.entry_key_file: "), HasSubstr("0644"), Not(HasSubstr("kkk"))));
}

TEST_F(FleetSecrets, AUserWithoutAPasswordIsRefused) {
  fleet.username = "roktcached";
  EXPECT_THAT(refusal(), HasSubstr("fleet.username: there is no password"));
  EXPECT_EQ(refusal({{"ROKTCACHED_FLEET_PASSWORD", "x"}}), "");
}

TEST_F(FleetSecrets, EntryKeysAreOneOrTwoLines) {
  const std::string one(32, 'a');
  const std::string two(40, 'b');
  const auto joined = [](std::initializer_list<std::string_view> parts) {
    std::string all;
    for (const std::string_view part : parts) all += part;
    return all;
  };
  for (const std::string& content : {one, joined({one, "\n"}), joined({one, "\r\n"})}) {
    fleet.entry_key_file = folder.write("keys", content);
    EXPECT_EQ(refusal(), "");
    EXPECT_THAT(keys(), ElementsAre(one));
  }
  for (const std::string& content : {joined({one, "\n", two}), joined({one, "\r\n", two, "\r\n"})}) {
    fleet.entry_key_file = folder.write("keys", content);
    EXPECT_EQ(refusal(), "");
    EXPECT_THAT(keys(), ElementsAre(one, two));
  }
  for (const auto& [content, why] :
       {std::pair(std::string(), "there is no key"), std::pair(std::string(31, 'a'), "shorter than 32"),
        std::pair(joined({one, "\n\n", two}), "is empty"),
        std::pair(joined({one, "\n", two, "\n", one}), "more than two"),
        std::pair(joined({one, " \n"}), "not visible ASCII")}) {
    fleet.entry_key_file = folder.write("keys", content);
    EXPECT_THAT(refusal(),
                AllOf(HasSubstr("fleet.entry_key_file: "), HasSubstr(why), Not(HasSubstr("aaaa"))));
  }
  EXPECT_THAT(keys(), ElementsAre(one, two)) << "a failure leaves the old ones in place";
}

TEST_F(FleetSecrets, EntryKeysMayBeASystemdCredential) {
  folder.write("rokt_fleet_entry_keys", std::string(32, 'c') + "\n");
  EXPECT_EQ(refusal({{"CREDENTIALS_DIRECTORY", folder.path()}}), "");
  EXPECT_THAT(keys(), ElementsAre(std::string(32, 'c')));
}

TEST_F(FleetSecrets, AreNotReadWithoutAFleet) {
  fleet.url.reset();
  fleet.password_file = "/nowhere/at/all";
  EXPECT_EQ(refusal(), "");
}

TEST(BudgetOfOne, IsAPartWhereNoEngineHasTheDaemonsAgree) {
  Credential credential;
  credential.budget.requests_per_second = 10;
  credential.budget.burst = 20;
  Credential small = credential;
  small.budget.requests_per_second = 0;
  small.budget.burst = 3;
  Fleet fleet;
  fleet.expected_instances = 8;
  const auto parts = with_budgets_of_one({credential, small}, fleet);
  EXPECT_DOUBLE_EQ(parts[0].budget.requests_per_second, 1.25);
  EXPECT_EQ(parts[0].budget.burst, 2U);
  EXPECT_DOUBLE_EQ(parts[1].budget.requests_per_second, 0) << "no limit stays none";
  EXPECT_EQ(parts[1].budget.burst, 1U);
  EXPECT_EQ(parts[0].budget.max_queued, credential.budget.max_queued);
}

TEST(BudgetOfOne, IsTheWholeWhereThereIsOneOrAnEngine) {
  Credential credential;
  credential.budget.requests_per_second = 10;
  credential.budget.burst = 20;
  Fleet fleet;
  for (const std::uint64_t instances : {0U, 1U}) {
    fleet.expected_instances = instances;
    EXPECT_EQ(with_budgets_of_one({credential}, fleet)[0].budget, credential.budget);
  }
  fleet.expected_instances = 8;
  fleet.url = EngineUrl{Kind::unix_socket, "", 0, "/r"};
  EXPECT_EQ(with_budgets_of_one({credential}, fleet)[0].budget, credential.budget);
}

}  // namespace
}  // namespace roktcached::config
