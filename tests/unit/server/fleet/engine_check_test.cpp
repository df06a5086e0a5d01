#include "server/fleet/engine_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/fleet/engine_rights.h"

namespace roktcached::fleet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using namespace std::chrono_literals;
using Weight = EngineFinding::Weight;

constexpr std::string_view good =
    "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n\r\n# Memory\r\nused_memory:1000000\r\n"
    "maxmemory:536870912\r\nmaxmemory_policy:volatile-lru\r\n\r\n# Replication\r\nrole:master\r\n\r\n"
    "# Cluster\r\ncluster_enabled:0\r\n";

std::vector<std::string> said_of(std::string_view more, std::chrono::milliseconds skew = 0ms) {
  std::vector<std::string> said;
  for (const EngineFinding& finding : findings_of(read_engine_info(std::string(good).append(more)), skew))
    said.push_back((finding.weight == Weight::warning ? "warning: " : "refused: ") + finding.text);
  return said;
}

TEST(EngineCheck, ReadsWhatAnEngineSays) {
  const EngineInfo info = read_engine_info(good);
  EXPECT_EQ(info.name, "Redis");
  EXPECT_EQ(info.version, "7.0.15");
  EXPECT_EQ(info.policy, "volatile-lru");
  EXPECT_EQ(info.max_memory, 536'870'912U);
  EXPECT_EQ(info.used_memory, 1'000'000U);
  EXPECT_FALSE(info.is_cluster_node);
  EXPECT_FALSE(info.is_replica);
}

TEST(EngineCheck, FindsNothingWhereNothingIs) {
  EXPECT_THAT(said_of(""), IsEmpty());
  EXPECT_THAT(said_of("maxmemory_policy:volatile-ttl\r\n", 999ms), IsEmpty());
  EXPECT_THAT(said_of("server_name:valkey\r\nredis_version:7.2.4\r\nvalkey_version:8.0.1\r\n"), IsEmpty());
}

TEST(EngineCheck, RefusesWhatInstancesCannotWorkWith) {
  EXPECT_THAT(said_of("redis_version:6.2.14\r\n"),
              ElementsAre("refused: it is Redis 6.2.14: Redis 7.0 or later is needed, or Valkey"));
  EXPECT_THAT(said_of("redis_mode:cluster\r\n"),
              ElementsAre(StartsWith("refused: it is a node of a cluster")));
  EXPECT_THAT(said_of("cluster_enabled:1\r\n"),
              ElementsAre(StartsWith("refused: it is a node of a cluster")));
  EXPECT_THAT(said_of("role:slave\r\n"), ElementsAre("refused: it is a replica: name the primary"));
}

TEST(EngineCheck, WarnsOfMemoryThatLosesWhatItShouldKeep) {
  EXPECT_THAT(said_of("maxmemory_policy:allkeys-random\r\n"),
              ElementsAre(StartsWith("warning: its maxmemory-policy is allkeys-random, which may evict")));
  EXPECT_THAT(said_of("maxmemory_policy:noeviction\r\n"),
              ElementsAre(StartsWith("warning: its maxmemory-policy is noeviction")));
  EXPECT_THAT(said_of("maxmemory_policy:noeviction\r\nmaxmemory:0\r\n"),
              ElementsAre(StartsWith("warning: its maxmemory is 0")));
  EXPECT_THAT(said_of("used_memory:483183820\r\n"), IsEmpty()) << "just below 90 per cent";
  EXPECT_THAT(said_of("used_memory:483184000\r\n"),
              ElementsAre(StartsWith("warning: it uses 460 of 512 MiB, and evicts or refuses answers soon")));
}

TEST(EngineCheck, WarnsOfAClockThatIsMoreThanASecondAway) {
  EXPECT_THAT(said_of("", 1000ms), IsEmpty());
  EXPECT_THAT(said_of("", 3250ms),
              ElementsAre(HasSubstr("warning: its clock is 3.2 s ahead of this machine's: set both by NTP")));
  EXPECT_THAT(said_of("", -1001ms), ElementsAre(HasSubstr("its clock is 1.0 s behind this machine's")));
}

TEST(EngineCheck, RepeatsNothingThatCouldDoSomethingToATerminal) {
  EXPECT_THAT(said_of("maxmemory_policy:allkeys-\x1b[2J\r\nredis_version:6\x1b[2J\r\n"), IsEmpty());
  EXPECT_THAT(findings_of(read_engine_info("\xff:\r\n::\n\nredis_version"), 0ms), IsEmpty());
}

EngineReply error_of(std::string text) {
  EngineReply reply;
  reply.kind = EngineReply::Kind::error;
  reply.text = std::move(text);
  return reply;
}

/// An engine that allows everything but what is named.
std::vector<std::string> trial_without(const std::vector<std::string>& refused,
                                       std::vector<Words>* asked = nullptr) {
  RightsTrial trial;
  for (const Words* command = trial.next(); command != nullptr; command = trial.next()) {
    if (asked != nullptr) asked->push_back(*command);
    const bool is_refused = std::ranges::find(refused, command->front()) != refused.end();
    trial.take(is_refused ? error_of("NOPERM this user has no permissions to run the '" + command->front() +
                                     "' command")
                          : EngineReply());
  }
  return trial.mistakes("someone");
}

TEST(RightsTrial, IsContentWithAnEngineThatAllowsAll) {
  std::vector<Words> asked;
  EXPECT_THAT(trial_without({}, &asked), IsEmpty());
  ASSERT_GT(asked.size(), 30U);
  EXPECT_EQ(asked.back().front(), "DEL");
  for (const Words& words : asked) {
    if (words.front() != "EVAL" || words[2] == "0") continue;
    EXPECT_THAT(words[3], StartsWith("rk1:{check-"));
  }
}

TEST(RightsTrial, NamesEachRightThatIsMissing) {
  EXPECT_THAT(trial_without({"HSET", "XADD"}),
              ElementsAre("its user someone lacks rights: give it +hset +xadd"));
  EXPECT_THAT(trial_without({"EVAL"}), ElementsAre("its user someone lacks rights: give it +eval"));
}

TEST(RightsTrial, WritesNothingThatItCouldNeverRemove) {
  std::vector<Words> asked;
  EXPECT_THAT(trial_without({"DEL", "PEXPIRE"}, &asked),
              ElementsAre("its user someone lacks rights: give it +del +pexpire"));
  for (const Words& words : asked)
    EXPECT_THAT(words.front(), testing::AnyOf("PING", "TIME", "INFO", "DEL", "PEXPIRE"));
}

TEST(RightsTrial, SaysInItsOwnWordsWhatAnEngineRefusesBesides) {
  const auto trial_of = [](const std::string& error) {
    RightsTrial trial;
    while (trial.next() != nullptr) trial.take(error_of(error));
    return trial.mistakes("someone");
  };
  EXPECT_THAT(trial_of("NOPERM No permissions to access a key"),
              ElementsAre("its user someone may not use the keys: give it ~rk1:*"));
  EXPECT_THAT(trial_of("MISCONF Redis is configured to save"),
              ElementsAre("it refuses what instances do: MISCONF Redis is configured to save"));
  EXPECT_THAT(trial_of("OOM command not allowed"), IsEmpty()) << "that is memory, and is warned of";
}

}  // namespace
}  // namespace roktcached::fleet
