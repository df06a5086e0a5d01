#include "config/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>

#include "config/schema.h"
#include "tests/unit/config/support.h"

namespace roktcached::config {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

class LoadTest : public testing::Test {
 protected:
  Loader loader_;
};

void expect_defaults(const Settings& settings, std::string_view cache_file) {
  Settings expected;
  expected.cache.file = cache_file;
  expected.listen.token_key_file = cache_file.empty() ? "" : "token.key";
  for (const auto& row : schema()) EXPECT_EQ(row.get(settings), row.get(expected)) << row.name();
  EXPECT_THAT(settings.routes, IsEmpty());
  EXPECT_THAT(settings.clients, IsEmpty());
  ASSERT_THAT(settings.credentials, SizeIs(1));
  EXPECT_EQ(settings.credentials.front().name, "default");
  EXPECT_EQ(settings.credentials.front().budget, Budget{});
}

TEST_F(LoadTest, AFileThatSaysNothingLeavesTheDefaults) {
  for (const char* text : {"", "\n", "# nothing\n", "[listen]\n", "\xef\xbb\xbf"}) {
    const auto settings = loader_.load(text);
    ASSERT_TRUE(settings) << '"' << text << "\": " << settings.error().context;
    expect_defaults(*settings, "");
  }
}

TEST_F(LoadTest, ReadsEveryKindOfValue) {
  const auto settings = loader_.load(R"(
[listen]
addresses = ["127.0.0.1:18080", "[::1]:18080"]
threads = 4
head_timeout = "500ms"
max_head = "8KiB"

[admin]
address = "off"

[upstream]
url = "http://localhost:9090/base/"

[cache]
file = ""

[freshness]
settled = "0ms"

[log]
level = "debug"
access = false
)");
  ASSERT_TRUE(settings) << settings.error().context;
  EXPECT_THAT(settings->listen.addresses,
              ElementsAre(Endpoint{"127.0.0.1", 18080}, Endpoint{"[::1]", 18080}));
  EXPECT_EQ(settings->listen.threads, 4U);
  EXPECT_EQ(settings->listen.head_timeout, 500ms);
  EXPECT_EQ(settings->listen.max_head, 8U * 1024);
  EXPECT_FALSE(settings->admin.address.has_value());
  EXPECT_EQ(settings->upstream.url, (Url{false, "localhost", 9090, "/base"}));
  EXPECT_EQ(settings->cache.file, "");
  EXPECT_EQ(settings->freshness.settled, 0ms);
  EXPECT_EQ(settings->log.level, LogLevel::debug);
  EXPECT_FALSE(settings->log.access);
  EXPECT_EQ(settings->listen.body_timeout, 10s) << "what the file does not say keeps its default";
}

TEST_F(LoadTest, AMistakeNamesFileLineKeyValueAndWhatIsAccepted) {
  EXPECT_THAT(loader_.mistakes("[listen]\n\nthreads = 257\n"),
              ElementsAre(AllOf(StartsWith("FILE:3: listen.threads = 257: "),
                                HasSubstr("accepted: a whole number from 0 to 256"))));
  EXPECT_THAT(loader_.mistakes("[log]\nlevel = \"loud\"\n"),
              ElementsAre(AllOf(StartsWith("FILE:2: log.level = \"loud\": "), HasSubstr("\"debug\""))));
}

TEST_F(LoadTest, ABareNumberIsToldItsUnit) {
  EXPECT_THAT(loader_.mistakes("[listen]\nhead_timeout = 10\n"),
              ElementsAre(AllOf(StartsWith("FILE:2: listen.head_timeout = 10: "), HasSubstr("\"10s\""))));
  EXPECT_THAT(loader_.mistakes("[cache]\nmax_disk = 1073741824\n"),
              ElementsAre(AllOf(StartsWith("FILE:2: cache.max_disk = 1073741824: "), HasSubstr("\"1GiB\""))));
}

TEST_F(LoadTest, AllMistakesAreFoundAtOnce) {
  EXPECT_THAT(loader_.mistakes(
                  "[listen]\nthreads = -1\nhead_timeout = \"x\"\nwrong = 1\n[nowhere]\n[log]\naccess = 1\n",
                  {{"ROKTCACHED_LOG_LEVEL", "loud"}, {"ROKTCACHED_NOWHERE", "1"}}),
              testing::UnorderedElementsAre(
                  StartsWith("FILE:2: listen.threads = -1: "),
                  StartsWith("FILE:3: listen.head_timeout = \"x\": "), StartsWith("FILE:4: listen.wrong: "),
                  StartsWith("FILE:5: nowhere: "), StartsWith("FILE:7: log.access = 1: "),
                  StartsWith("$ROKTCACHED_LOG_LEVEL: "), StartsWith("$ROKTCACHED_NOWHERE: ")));
}

TEST_F(LoadTest, ARefusedListenerIsFoundBesideOtherMistakes) {
  EXPECT_THAT(loader_.mistakes("[listen]\naddresses = [\"0.0.0.0:8080\"]\nthreads = -1\n"),
              testing::UnorderedElementsAre(HasSubstr("listen.addresses"), HasSubstr("listen.threads")));
}

TEST_F(LoadTest, EachMistakeStaysOnItsLine) {
  EXPECT_THAT(loader_.mistakes("[log]\nlevel = \"\"\"a\nb\"\"\"\n"), SizeIs(1));
  EXPECT_THAT(loader_.mistakes("[log]\nlevel = \"a\\nb\"\n"), SizeIs(1));
  EXPECT_THAT(loader_.mistakes("", {{"ROKTCACHED_LOG_LEVEL", "a\nb"}}), SizeIs(1));
  std::string hosts;
  for (int i = 0; i < 40; ++i) hosts += "\"Host-" + std::to_string(i) + "\", ";
  EXPECT_THAT(loader_.mistakes("[listen]\nallowed_hosts = [" + hosts + "]\n"), SizeIs(1)) << "a long list";
  EXPECT_THAT(loader_.mistakes("[log]\nlevel = { a = 1, b = [1, 2] }\n"), SizeIs(1));
}

TEST_F(LoadTest, AnUnknownKeyIsRefusedWithASuggestion) {
  EXPECT_THAT(loader_.mistakes("[listen]\nhead_timout = \"5s\"\n"),
              ElementsAre(AllOf(StartsWith("FILE:2: listen.head_timout: "),
                                HasSubstr("did you mean head_timeout?"))));
  EXPECT_THAT(loader_.mistakes("[listen]\nqqq = 1\n"), ElementsAre(Not(HasSubstr("did you mean"))));
  EXPECT_THAT(loader_.mistakes("[upstream.bugdet]\nburst = 1\n"),
              ElementsAre(AllOf(StartsWith("FILE:1: upstream.bugdet: "), HasSubstr("did you mean budget?"))));
  EXPECT_THAT(loader_.mistakes("[[freshness.overide]]\nopen = \"1s\"\n"),
              ElementsAre(HasSubstr("did you mean override?")));
}

// Quoted, the name is one key and no path; it must not be taken for the table and left unread.
TEST_F(LoadTest, ADotInAKeyMakesNoSection) {
  EXPECT_THAT(loader_.mistakes("[\"upstream.budget\"]\nburst = 1\n"),
              ElementsAre(StartsWith("FILE:1: upstream.budget: no such section")));
  EXPECT_THAT(loader_.mistakes("[\"freshness.override\"]\nopen = \"1s\"\n"),
              ElementsAre(StartsWith("FILE:1: freshness.override: no such section")));
  EXPECT_THAT(loader_.mistakes("[listen.\"tls.addresses\"]\na = 1\n"),
              ElementsAre(StartsWith("FILE:1: listen.tls.addresses: no such key")));
}

TEST_F(LoadTest, AnUnknownSectionIsRefusedWithASuggestion) {
  EXPECT_THAT(loader_.mistakes("\n[caches]\n"),
              ElementsAre(AllOf(StartsWith("FILE:2: caches: "), HasSubstr("did you mean cache?"))));
  EXPECT_THAT(loader_.mistakes("threads = 1\n"), ElementsAre(StartsWith("FILE:1: threads: ")));
}

TEST_F(LoadTest, ASectionMustBeATable) {
  EXPECT_THAT(loader_.mistakes("listen = 5\n"),
              ElementsAre(AllOf(StartsWith("FILE:1: listen: "), HasSubstr("[listen]"))));
  EXPECT_THAT(loader_.mistakes("[[listen]]\nthreads = 1\n"),
              ElementsAre(AllOf(StartsWith("FILE:1: listen: "), HasSubstr("[listen]"))));
}

TEST_F(LoadTest, AValueOfTheWrongTypeIsRefused) {
  for (const char* value : {"1.5", "true", "1979-05-27", "[1, 2]", "[]", "{ a = 1 }", "inf"}) {
    EXPECT_THAT(loader_.mistakes(std::string("[listen]\nthreads = ") + value + "\n"),
                ElementsAre(StartsWith("FILE:2: listen.threads = ")))
        << value;
  }
  EXPECT_THAT(loader_.mistakes("[listen]\nallowed_hosts = [\"localhost\", 1]\n"),
              ElementsAre(StartsWith("FILE:2: listen.allowed_hosts = ")));
  EXPECT_THAT(loader_.mistakes("[listen]\nallowed_hosts = \"localhost\"\n"),
              ElementsAre(StartsWith("FILE:2: listen.allowed_hosts = ")));
}

TEST_F(LoadTest, TomlThatIsNoneIsRefusedWithItsLine) {
  EXPECT_THAT(loader_.mistakes("[listen]\nthreads 4\n"), ElementsAre(StartsWith("FILE:2: ")));
  EXPECT_THAT(loader_.mistakes("[listen\n"), ElementsAre(StartsWith("FILE:1: ")));
  EXPECT_THAT(loader_.mistakes("[listen]\nthreads = 1\nthreads = 2\n"), ElementsAre(StartsWith("FILE:3: ")))
      << "a key twice";
  EXPECT_THAT(loader_.mistakes("[log]\n\nlevel = \"info\n"), ElementsAre(StartsWith("FILE:3: ")));
  EXPECT_THAT(loader_.mistakes("[log]\nlevel = \"\xff\"\n"), ElementsAre(StartsWith("FILE:2: ")))
      << "no UTF-8";
  EXPECT_THAT(loader_.mistakes("[log]\nlevel = 99999999999999999999\n"), ElementsAre(StartsWith("FILE:2: ")));
  EXPECT_THAT(loader_.mistakes(std::string_view("\0\1\2", 3)), ElementsAre(StartsWith("FILE:1: ")))
      << "no text at all";
}

TEST_F(LoadTest, ARelationThatFailsNamesItsLine) {
  EXPECT_THAT(loader_.mistakes("\n[listen]\naddresses = [\"0.0.0.0:8080\"]\n"),
              ElementsAre(StartsWith("FILE:3: listen.addresses")));
  EXPECT_THAT(loader_.mistakes("\n[admin]\naddress = \"0.0.0.0:8081\"\n"),
              ElementsAre(StartsWith("FILE:3: admin.address")));
  EXPECT_THAT(loader_.mistakes("\n[upstream]\nurl = \"http://api.rokt.com\"\n"),
              ElementsAre(StartsWith("FILE:3: upstream.url")));
  EXPECT_THAT(loader_.mistakes("", {{"ROKTCACHED_LISTEN_ADDRESSES", "0.0.0.0:8080"}}),
              ElementsAre(StartsWith("$ROKTCACHED_LISTEN_ADDRESSES: ")));
}

TEST_F(LoadTest, TheLargestAnswerThatIsKeptMustFindRoom) {
  EXPECT_THAT(loader_.mistakes("[cache]\nmax_transient = \"31MiB\"\n"),
              ElementsAre(AllOf(StartsWith("FILE:2: cache.max_transient: is less than twice"),
                                HasSubstr("accepted: 33554432B or more"))));
  EXPECT_THAT(loader_.mistakes("[cache]\nmax_transient = \"32MiB\"\n"), IsEmpty());
  EXPECT_THAT(loader_.mistakes("[cache]\nmax_transient = \"1MiB\"\n[upstream]\nmax_response = \"512KiB\"\n"),
              IsEmpty());
}

TEST_F(LoadTest, TheCredentialNeverTravelsInClearText) {
  EXPECT_THAT(loader_.mistakes("[upstream]\nurl = \"http://api.rokt.com\"\n"),
              ElementsAre(AllOf(HasSubstr("upstream.url"), HasSubstr("http://api.rokt.com"),
                                HasSubstr("clear text"), HasSubstr("https"))));
  EXPECT_THAT(loader_.mistakes("[upstream]\nurl = \"http://127.example.com\"\n"),
              ElementsAre(HasSubstr("clear text")));
  EXPECT_THAT(loader_.mistakes("[upstream]\nurl = \"http://127.0.0.1:9090\"\n"), IsEmpty());
  EXPECT_THAT(loader_.mistakes("[upstream]\nurl = \"http://[::1]:9090\"\n"), IsEmpty());
}

// A proxy is asked for a tunnel; what goes through it in clear text it can read.
TEST_F(LoadTest, TheCredentialNeverTravelsInClearTextThroughAProxy) {
  EXPECT_THAT(loader_.mistakes(
                  "[upstream]\nurl = \"http://127.0.0.1:9090\"\nproxy = \"http://proxy.example.com:3128\"\n"),
              ElementsAre(AllOf(StartsWith("FILE:3: upstream.proxy: "), HasSubstr("clear text"))));
  EXPECT_THAT(
      loader_.mistakes("[upstream]\nurl = \"http://127.0.0.1:9090\"\nproxy = \"http://localhost:3128\"\n"),
      IsEmpty());
  EXPECT_THAT(loader_.mistakes("[upstream]\nproxy = \"http://proxy.example.com:3128\"\n"), IsEmpty());
}

TEST_F(LoadTest, APasswordInWhatIsNoUrlIsNotRepeatedEither) {
  for (const char* setting : {"url", "proxy"}) {
    const auto mistakes = loader_.mistakes("[upstream]\n" + std::string(setting) +
                                           " = \"user:hunter2@proxy.example.com:3128\"\n");
    EXPECT_THAT(mistakes,
                ElementsAre(AllOf(HasSubstr("upstream." + std::string(setting)), Not(HasSubstr("hunter2")))));
  }
}

TEST_F(LoadTest, APasswordInTheUrlIsRefusedAndNotRepeated) {
  EXPECT_THAT(loader_.mistakes("[upstream]\nurl = \"https://user:hunter2@api.rokt.com\"\n"),
              ElementsAre(AllOf(StartsWith("FILE:2: upstream.url"), Not(HasSubstr("hunter2")))));
  EXPECT_THAT(loader_.mistakes("", {{"ROKTCACHED_UPSTREAM_URL", "https://user:hunter2@api.rokt.com"}}),
              ElementsAre(AllOf(StartsWith("$ROKTCACHED_UPSTREAM_URL: "), Not(HasSubstr("hunter2")))));
  EXPECT_THAT(loader_.mistakes("[upstream]\nproxy = \"http://user:hunter2@proxy.example.com:3128\"\n"),
              ElementsAre(AllOf(StartsWith("FILE:2: upstream.proxy"), Not(HasSubstr("hunter2")))));
}

TEST_F(LoadTest, TheDefaultCacheFileIsWhereTheEnvironmentSays) {
  const auto file = [this](Variables variables) {
    return loader_.load("# defaults", std::move(variables)).value().cache.file;
  };
  EXPECT_EQ(file({{"HOME", "/h"}, {"XDG_CACHE_HOME", "/x"}, {"CACHE_DIRECTORY", "/c"}}), "/c/roktcached.db");
  EXPECT_EQ(file({{"HOME", "/h"}, {"XDG_CACHE_HOME", "/x"}}), "/x/roktcached/roktcached.db");
  const TemporaryFolder home;
  const std::string path = home.path().string();
  EXPECT_EQ(file({{"HOME", path}, {"XDG_CACHE_HOME", ""}, {"CACHE_DIRECTORY", ""}}),
            path + "/.cache/roktcached/roktcached.db");
}

/// systemd names all folders of CacheDirectory=, with a colon between each two.
TEST_F(LoadTest, TheDefaultCacheFileIsInTheFirstOfSeveralFolders) {
  const auto file = [this](const char* folders) {
    return loader_.load("# defaults", {{"CACHE_DIRECTORY", folders}}).value().cache.file;
  };
  EXPECT_EQ(file("/c"), "/c/roktcached.db");
  EXPECT_EQ(file("/c:/d"), "/c/roktcached.db");
  EXPECT_EQ(file("/var/cache/a:/var/cache/b:/var/cache/c"), "/var/cache/a/roktcached.db");
}

TEST_F(LoadTest, ARelativeFolderOfTheEnvironmentIsNone) {
  const TemporaryFolder home;
  const std::string path = home.path().string();
  const auto cache = loader_.load("# defaults", {{"HOME", path}, {"XDG_CACHE_HOME", "x"}}).value().cache;
  EXPECT_EQ(cache.file, path + "/.cache/roktcached/roktcached.db");
}

// As in a pod, and as a system user of Debian's: no file in the working directory, nor in the root folder.
TEST_F(LoadTest, WithoutAHomeTheCacheIsInMemoryOnlyAndSaysWhy) {
  const auto cache = [this](Variables variables, std::string_view toml = "# defaults") {
    return loader_.load(toml, std::move(variables)).value().cache;
  };
  EXPECT_EQ(cache({}).file, "");
  EXPECT_THAT(cache({}).why_no_file, HasSubstr("$HOME is set"));
  EXPECT_EQ(cache({{"HOME", "/nonexistent"}}).file, "");
  EXPECT_THAT(cache({{"HOME", "/nonexistent"}}).why_no_file, HasSubstr("/nonexistent"));
  EXPECT_EQ(cache({{"HOME", "/dev/null"}}).file, "") << "is no folder";
  EXPECT_EQ(cache({}, "[cache]\nfile = \"\"\n").why_no_file, "") << "it was asked for";
  EXPECT_EQ(cache({{"ROKTCACHED_CACHE_FILE", ""}}).why_no_file, "");
  EXPECT_EQ(cache({{"CACHE_DIRECTORY", "/c"}}).why_no_file, "");
  EXPECT_EQ(loader_.load("# defaults").value().listen.token_key_file, "");
}

TEST_F(LoadTest, SaysWhereSettingsWereGiven) {
  const auto places =
      loader_
          .load("[cache]\nfile = \"\"\n[[credential]]\nname = \"emea\"\napp_id_file = \"/id\"\n",
                {{"ROKTCACHED_LOG_LEVEL", "warn"}})
          .value()
          .places;
  EXPECT_THAT(places.at("cache.file"), testing::EndsWith("settings.toml:2"));
  EXPECT_THAT(places.at("credential.app_id_file of \"emea\""), testing::EndsWith("settings.toml:5"));
  EXPECT_EQ(places.at("log.level"), "$ROKTCACHED_LOG_LEVEL");
  EXPECT_FALSE(places.contains("cache.max_disk"));
}

TEST_F(LoadTest, AGivenCacheFileWinsOverTheEnvironmentsFolder) {
  EXPECT_EQ(loader_.load("[cache]\nfile = \"mine.db\"\n", {{"CACHE_DIRECTORY", "/c"}}).value().cache.file,
            "mine.db");
  EXPECT_EQ(loader_.load("[cache]\nfile = \"\"\n", {{"CACHE_DIRECTORY", "/c"}}).value().cache.file, "");
}

}  // namespace
}  // namespace roktcached::config
