#include "config/changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "config/schema.h"
#include "tests/unit/config/support.h"

namespace roktcached::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// The settings `wanted` as a process whose settings are `in_force` takes them.
struct Kept {
  Settings wanted;
  Changes changes;
};
Kept keep(const Settings& in_force, Settings wanted) {
  const Changes changes = keep_what_cannot_change(in_force, wanted);
  return {std::move(wanted), changes};
}

Credential credential(const std::string& name, const std::string& id, const std::string& secret) {
  Credential made;
  made.name = name;
  made.app_id = Secret(id);
  made.app_secret = Secret(secret);
  return made;
}

Client client(const std::string& name) {
  Client made;
  made.name = name;
  return made;
}

bool is_empty(const Changes& changes) {
  return changes.taken.empty() && changes.needs_restart.empty();
}

TEST(Changes, OfTheSameSettingsAreNone) {
  EXPECT_TRUE(is_empty(keep(Settings(), Settings()).changes));
}

/// For each key another value, made of what the row itself accepts.
std::optional<Settings> with_another(const Setting& setting) {
  for (const RawValue& value : {RawValue(true),
                                RawValue(false),
                                RawValue(std::int64_t{7}),
                                RawValue("7s"),
                                RawValue("64MiB"),
                                RawValue("32KiB"),
                                RawValue("/another/file"),
                                RawValue("https://another.example"),
                                RawValue("http://127.0.0.1:9"),
                                RawValue("127.0.0.1:9"),
                                RawValue("unix:/another"),
                                RawValue("0600"),
                                RawValue("lenient"),
                                RawValue("debug"),
                                RawValue("json"),
                                RawValue("always"),
                                RawValue(StringList{"127.0.0.1:9"}),
                                RawValue(StringList{"another.example"}),
                                RawValue(StringList{"https://another.example"}),
                                RawValue(StringList{"CHF"})}) {
    Settings settings;
    if (setting.set(settings, value) && setting.get(settings) != setting.get(Settings())) return settings;
  }
  return std::nullopt;
}

TEST(Changes, OfEachKeyAreNamedAndWhatIsNamedAsKeptIsKept) {
  const std::set<std::string> needs_restart = {"listen.addresses",
                                               "listen.threads",
                                               "listen.unix_mode",
                                               "listen.unix_group",
                                               "listen.tls.addresses",
                                               "admin.address",
                                               "health.addresses",
                                               "health.tls.addresses",
                                               "upstream.url",
                                               "upstream.ca_file",
                                               "upstream.proxy",
                                               "cache.file",
                                               "cache.max_disk",
                                               "cache.max_memory",
                                               "log.file",
                                               "log.format",
                                               "cache.max_transient",
                                               "cache.read_timeout",
                                               "listen.handover_socket",
                                               "log.file_format",
                                               "log.stderr",
                                               "fleet.url",
                                               "fleet.username",
                                               "fleet.password_file",
                                               "fleet.ca_file",
                                               "fleet.certificate_file",
                                               "fleet.key_file",
                                               "fleet.entry_key_file",
                                               "fleet.expected_instances",
                                               "fleet.control_timeout",
                                               "fleet.instance"};
  for (const Setting& setting : schema()) {
    const auto wanted = with_another(setting);
    ASSERT_TRUE(wanted) << setting.name();
    const Kept kept = keep(Settings(), *wanted);
    if (needs_restart.contains(setting.name())) {
      EXPECT_THAT(kept.changes.needs_restart, ElementsAre(setting.name()));
      EXPECT_THAT(kept.changes.taken, IsEmpty()) << setting.name();
      EXPECT_TRUE(setting.get(kept.wanted) == setting.get(Settings())) << setting.name();
    } else {
      EXPECT_THAT(kept.changes.taken, ElementsAre(setting.name()));
      EXPECT_THAT(kept.changes.needs_restart, IsEmpty()) << setting.name();
      EXPECT_TRUE(setting.get(kept.wanted) == setting.get(*wanted)) << setting.name();
    }
  }
}

TEST(Changes, OfTablesAndSecretsAreNamedToo) {
  Settings wanted;
  wanted.clients = {client("tableau")};
  wanted.routes.push_back({"files", "/files", {"GET"}, rokt::RouteClass::http, {}, false});
  wanted.freshness_overrides.push_back({});
  wanted.admin.token = Secret("a token of sixteen");
  const Kept kept = keep(Settings(), wanted);
  EXPECT_THAT(kept.changes.taken,
              ElementsAre("the admin token", "[[freshness.override]]", "[[client]]", "[[route]]"));
  EXPECT_EQ(kept.wanted.clients, wanted.clients);
  EXPECT_EQ(kept.wanted.routes, wanted.routes);
}

// The others of the fleet go on under the old ones.
TEST(Changes, OfTheFleetsPasswordAndKeysNeedARestart) {
  Settings in_force;
  in_force.fleet.password = Secret("one");
  in_force.fleet.entry_keys = {Secret("first"), Secret("second")};
  EXPECT_TRUE(is_empty(keep(in_force, in_force).changes));
  for (int what = 0; what < 3; ++what) {
    Settings wanted = in_force;
    if (what == 0) wanted.fleet.password = Secret("two");
    if (what == 1) wanted.fleet.entry_keys.pop_back();
    if (what == 2) std::swap(wanted.fleet.entry_keys[0], wanted.fleet.entry_keys[1]);
    const Kept kept = keep(in_force, wanted);
    EXPECT_THAT(kept.changes.needs_restart, ElementsAre("the fleet's password or keys")) << what;
    EXPECT_THAT(kept.changes.taken, IsEmpty()) << what;
    EXPECT_EQ(kept.wanted.fleet.password.reveal(), "one");
    ASSERT_EQ(kept.wanted.fleet.entry_keys.size(), 2U);
    EXPECT_EQ(kept.wanted.fleet.entry_keys[0].reveal(), "first");
  }
}

TEST(Changes, OfACredentialsSecretBudgetAndAccountsAreTaken) {
  Settings in_force;
  in_force.credentials = {credential("one", "id", "secret")};
  for (int what = 0; what < 5; ++what) {
    Settings wanted = in_force;
    Credential& changed = wanted.credentials.front();
    if (what == 3) changed.app_id_file = "/etc/another.id";
    if (what == 4) changed.app_secret_file = "/etc/another.secret";
    if (what == 0) changed.app_secret = Secret("new");
    if (what == 1) changed.budget.burst = 7;
    if (what == 2) changed.accounts = {"12"};
    const Kept kept = keep(in_force, wanted);
    EXPECT_THAT(kept.changes.taken, ElementsAre("[[credential]]")) << what;
    EXPECT_THAT(kept.changes.needs_restart, IsEmpty()) << what;
    EXPECT_EQ(kept.wanted.credentials.front().app_secret.reveal(), changed.app_secret.reveal());
    EXPECT_EQ(kept.wanted.credentials.front().budget, changed.budget);
    EXPECT_EQ(kept.wanted.credentials.front().accounts, changed.accounts);
  }
}

/// Fetches under way go by the place of their credential, and what is stored by its name and owner.
TEST(Changes, OfWhichCredentialsThereAreLeaveAllAsTheyWere) {
  const Credential one = credential("one", "id-1", "secret-1");
  const Credential two = credential("two", "id-2", "secret-2");
  Credential renamed = one;
  renamed.name = "other";
  Settings in_force;
  in_force.credentials = {one, two};
  for (const std::vector<Credential>& others :
       {std::vector{one}, std::vector{two, one}, std::vector{one, two, credential("three", "id-3", "s")},
        std::vector{renamed, two}, std::vector{one, credential("two", "another id", "secret-2")}}) {
    Settings wanted = in_force;
    wanted.credentials = others;
    for (Credential& changed : wanted.credentials) {
      changed.accounts = {"12"};
      changed.budget.shares = {{"tableau", 2.0}};
    }
    const Kept kept = keep(in_force, wanted);
    EXPECT_THAT(kept.changes.needs_restart, ElementsAre("[[credential]]"));
    EXPECT_THAT(kept.changes.taken, IsEmpty());
    ASSERT_EQ(kept.wanted.credentials.size(), 2U);
    EXPECT_EQ(kept.wanted.credentials[0].name, "one");
    EXPECT_EQ(kept.wanted.credentials[1].app_id.reveal(), "id-2");
    EXPECT_THAT(kept.wanted.credentials[0].accounts, IsEmpty());
    EXPECT_EQ(kept.wanted.credentials[1].budget.shares.size(), 1U) << "clients' shares are the clients'";
  }
}

/// Each of the two files is right; the address of the one with the clients of the other is not.
TEST(CheckKept, RefusesToLeaveAnAddressBeyondLoopbackWithoutClients) {
  Settings in_force;
  in_force.listen.addresses = {{"0.0.0.0", 8080}};
  in_force.listen.cleartext_beyond_loopback = true;
  in_force.clients = {client("tableau")};
  EXPECT_TRUE(check_kept(in_force));
  const Kept kept = keep(in_force, Settings());
  EXPECT_THAT(kept.changes.needs_restart, ElementsAre("listen.addresses"));
  const auto checked = check_kept(kept.wanted);
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().context, HasSubstr("0.0.0.0:8080 is beyond loopback"));
}

TEST(LoadAdmin, ReadsTheSectionOfSettingsThatAreInError) {
  const TemporaryFolder folder;
  const std::string file =
      folder.write("a.toml", "[admin]\naddress = \"127.0.0.1:9\"\n[freshness]\nopne = \"1m\"\n");
  const Environment nothing = environment_of({});
  ASSERT_FALSE(load(file, nothing));
  EXPECT_EQ(load_admin(file, nothing).address, (Endpoint{"127.0.0.1", 9}));
  EXPECT_EQ(load_admin(file, environment_of({{"ROKTCACHED_ADMIN_ADDRESS", "127.0.0.1:10"}})).address,
            (Endpoint{"127.0.0.1", 10}));
  EXPECT_EQ(load_admin(folder.write("b.toml", "[admin"), nothing).address, Admin().address);
}

}  // namespace
}  // namespace roktcached::config
