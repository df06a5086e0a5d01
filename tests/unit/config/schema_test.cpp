#include "config/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace roktcached::config {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

const Setting& setting(std::string_view name) {
  const auto found = std::ranges::find(schema(), name, &Setting::name);
  if (found == schema().end()) throw std::invalid_argument("no such setting: " + std::string(name));
  return *found;
}

/// Whether the setting takes `value`; a value that is not taken must leave the settings as they were.
bool takes(std::string_view name, const RawValue& value) {
  const Setting& row = setting(name);
  Settings settings;
  const RawValue before = row.get(settings);
  const bool taken = row.set(settings, value);
  EXPECT_TRUE(taken || row.get(settings) == before) << name << ": a refused value changed the setting";
  return taken;
}

ValueKind kind_of(const RawValue& value) {
  if (std::holds_alternative<bool>(value)) return ValueKind::boolean;
  if (std::holds_alternative<std::int64_t>(value)) return ValueKind::integer;
  if (std::holds_alternative<double>(value)) return ValueKind::number;
  if (std::holds_alternative<StringList>(value)) return ValueKind::list;
  EXPECT_TRUE(std::holds_alternative<std::string>(value));
  return ValueKind::text;
}

TEST(Schema, HasEveryKeyOfTheContract) {
  std::vector<std::string> names;
  for (const auto& row : schema()) names.push_back(row.name());
  EXPECT_THAT(
      names,
      testing::UnorderedElementsAre(
          "listen.addresses", "listen.allowed_hosts", "listen.threads", "listen.max_connections",
          "listen.head_timeout", "listen.body_timeout", "listen.idle_timeout", "listen.write_timeout",
          "listen.max_head", "listen.max_body", "listen.allowed_origins", "listen.unix_mode",
          "listen.unix_group", "listen.handover_socket", "listen.cleartext_beyond_loopback",
          "listen.token_key_file", "listen.tls.addresses", "listen.tls.certificate_file",
          "listen.tls.key_file", "listen.tls.client_ca_file", "listen.tls.require_client_certificate",
          "admin.address", "admin.token_file", "health.addresses", "health.tls.addresses",
          "health.tls.certificate_file", "health.tls.key_file", "health.tls.client_ca_file",
          "health.tls.require_client_certificate", "upstream.url", "upstream.ca_file",
          "upstream.connect_timeout", "upstream.head_timeout", "upstream.body_timeout",
          "upstream.idle_timeout", "upstream.max_connections", "upstream.max_waiting",
          "upstream.max_response", "upstream.proxy", "upstream.max_age", "upstream.max_retries",
          "upstream.budget.requests_per_second", "upstream.budget.burst", "upstream.budget.max_concurrent",
          "upstream.budget.max_queued", "upstream.budget.max_queue_wait", "cache.file", "cache.max_disk",
          "cache.max_memory", "cache.max_transient", "cache.read_timeout", "freshness.open",
          "freshness.restating", "freshness.restating_max", "freshness.restating_steady_after",
          "freshness.settled", "freshness.metadata", "freshness.not_found", "freshness.bad_request",
          "freshness.restatement_window", "freshness.stale_while_revalidate", "freshness.stale_if_error",
          "freshness.min_refetch_interval", "freshness.refresh_ahead_uses", "warming.learn",
          "warming.settling_time", "parameters.validation", "parameters.extra_currencies",
          "parameters.open_end_step", "log.level", "log.format", "log.access", "log.file", "log.file_format",
          "log.stderr", "listen.min_write_rate", "fleet.url", "fleet.username", "fleet.password_file",
          "fleet.ca_file", "fleet.certificate_file", "fleet.key_file", "fleet.entry_key_file",
          "fleet.expected_instances", "fleet.control_timeout", "fleet.instance"));
}

TEST(Schema, NamesEachVariableOnce) {
  std::set<std::string> variables;
  for (const auto& row : schema()) {
    EXPECT_TRUE(variables.insert(row.environment_name()).second) << row.environment_name();
  }
  EXPECT_EQ(setting("listen.max_head").environment_name(), "ROKTCACHED_LISTEN_MAX_HEAD");
  EXPECT_EQ(setting("freshness.stale_if_error").environment_name(), "ROKTCACHED_FRESHNESS_STALE_IF_ERROR");
  EXPECT_FALSE(variables.contains("ROKTCACHED_CONFIG")) << "that one names the file";
}

TEST(Schema, SaysWhatEachSettingTakesOnOneLine) {
  for (const auto& row : schema()) {
    EXPECT_FALSE(row.accepted.empty()) << row.name();
    EXPECT_EQ(row.accepted.find('\n'), std::string::npos) << row.name();
  }
}

TEST(Schema, EveryDefaultIsOfItsKindAndAccepted) {
  const Settings defaults;
  for (const auto& row : schema()) {
    const RawValue value = row.get(defaults);
    EXPECT_EQ(kind_of(value), row.kind) << row.name();
    EXPECT_TRUE(takes(row.name(), value)) << row.name() << " = " << to_toml(value);
  }
}

// Each row reads and writes a field of its own: a slip of the pen would set another row's.
TEST(Schema, EveryRowSetsItselfAndNothingElse) {
  const auto other_value = [](const Setting& row) -> RawValue {
    const RawValue value = row.get(Settings{});
    if (const auto* flag = std::get_if<bool>(&value)) return !*flag;
    if (const auto* number = std::get_if<std::int64_t>(&value)) return *number + 1;
    if (const auto* number = std::get_if<double>(&value)) return *number + 1;
    if (row.key == "addresses") return StringList{"127.0.0.9:9"};
    if (row.name() == "listen.allowed_origins") return StringList{"https://other.example"};
    if (row.name() == "listen.allowed_hosts") return StringList{"other.example"};
    if (row.name() == "parameters.extra_currencies") return StringList{"CHF"};
    for (const char* candidate : {"11m", "40MiB", "17KiB", "127.0.0.1:9", "http://localhost:9", "lenient",
                                  "0600", "debug", "json", "always", "2s", "unix:/other", "other"}) {
      Settings scratch;
      if (row.set(scratch, std::string(candidate))) return std::string(candidate);
    }
    ADD_FAILURE() << row.name() << ": no other value";
    return value;
  };
  for (const auto& row : schema()) {
    Settings settings;
    const RawValue value = other_value(row);
    ASSERT_TRUE(row.set(settings, value)) << row.name() << " = " << to_toml(value);
    EXPECT_EQ(row.get(settings), value) << row.name();
    for (const auto& other : schema()) {
      if (other.name() != row.name()) {
        EXPECT_EQ(other.get(settings), other.get(Settings{})) << row.name() << " changed " << other.name();
      }
    }
  }
}

TEST(Schema, NoRowTakesAValueOfAnotherType) {
  for (const auto& row : schema()) {
    EXPECT_FALSE(takes(row.name(), std::monostate{})) << row.name();
    for (const RawValue& value : {RawValue(true), RawValue(std::int64_t{1}), RawValue(1.0),
                                  RawValue(std::string("1")), RawValue(StringList{"1"})}) {
      const bool whole_number = kind_of(value) == ValueKind::integer && row.kind == ValueKind::number;
      EXPECT_TRUE(kind_of(value) == row.kind || whole_number || !takes(row.name(), value))
          << row.name() << " = " << to_toml(value);
    }
  }
}

TEST(Schema, NumbersHaveLimits) {
  const auto number = [](std::int64_t value) -> RawValue { return value; };
  EXPECT_TRUE(takes("listen.threads", number(0)));
  EXPECT_TRUE(takes("listen.threads", number(256)));
  EXPECT_FALSE(takes("listen.threads", number(257)));
  EXPECT_FALSE(takes("listen.threads", number(-1)));
  EXPECT_TRUE(takes("listen.max_connections", number(1)));
  EXPECT_FALSE(takes("listen.max_connections", number(0)));
  EXPECT_FALSE(takes("listen.max_connections", number(INT64_MIN)));
  EXPECT_FALSE(takes("listen.max_connections", number(INT64_MAX)));
  EXPECT_FALSE(takes("upstream.max_connections", number(0)));
  EXPECT_TRUE(takes("freshness.refresh_ahead_uses", number(0)));
  EXPECT_TRUE(takes("freshness.refresh_ahead_uses", number(1'000'000)));
  EXPECT_FALSE(takes("freshness.refresh_ahead_uses", number(1'000'001)));
  EXPECT_FALSE(takes("upstream.max_waiting", number(0)));
}

TEST(Schema, ARateIsZeroOrBetweenItsLimits) {
  const std::string name = "upstream.budget.requests_per_second";
  for (const RawValue& value : {RawValue(std::int64_t{0}), RawValue(0.0), RawValue(0.01), RawValue(2.5),
                                RawValue(std::int64_t{10}), RawValue(std::int64_t{100'000})}) {
    EXPECT_TRUE(takes(name, value)) << to_toml(value);
  }
  for (const RawValue& value :
       {RawValue(0.0099), RawValue(-0.01), RawValue(std::int64_t{-1}), RawValue(100'000.5), RawValue(1e300),
        RawValue(std::int64_t{INT64_MAX}), RawValue(std::numeric_limits<double>::infinity()),
        RawValue(std::numeric_limits<double>::quiet_NaN()), RawValue(std::string("10"))}) {
    const Setting& row = setting(name);
    Settings settings;
    EXPECT_FALSE(row.set(settings, value)) << to_toml(value);
    EXPECT_EQ(settings.upstream.budget.requests_per_second, 10);
  }
  EXPECT_EQ(setting(name).accepted, "0, or a number from 0.01 to 100000");
}

TEST(Schema, ABudgetHasLimits) {
  const auto number = [](std::int64_t value) -> RawValue { return value; };
  EXPECT_TRUE(takes("upstream.budget.burst", number(1)));
  EXPECT_FALSE(takes("upstream.budget.burst", number(0)));
  EXPECT_FALSE(takes("upstream.budget.burst", number(100'001)));
  EXPECT_TRUE(takes("upstream.budget.max_concurrent", number(1024)));
  EXPECT_FALSE(takes("upstream.budget.max_concurrent", number(0)));
  EXPECT_FALSE(takes("upstream.budget.max_concurrent", number(1025)));
  EXPECT_TRUE(takes("upstream.budget.max_queued", number(0)));
  EXPECT_FALSE(takes("upstream.budget.max_queued", number(1'000'001)));
  EXPECT_FALSE(takes("upstream.budget.max_queue_wait", std::string("0ms")));
  EXPECT_TRUE(takes("upstream.max_retries", number(0)));
  EXPECT_TRUE(takes("upstream.max_retries", number(10)));
  EXPECT_FALSE(takes("upstream.max_retries", number(11)));
  EXPECT_FALSE(takes("upstream.max_age", std::string("0ms")));
}

TEST(Schema, TheProxyCanBeNone) {
  Settings settings;
  const Setting& proxy = setting("upstream.proxy");
  EXPECT_EQ(proxy.get(settings), RawValue(std::string()));
  ASSERT_TRUE(proxy.set(settings, std::string("http://[::1]:80")));
  EXPECT_EQ(settings.upstream.proxy, (Url{false, "[::1]", 80, ""}));
  EXPECT_EQ(proxy.get(settings), RawValue(std::string("http://[::1]:80"))) << "with its port, always";
  ASSERT_TRUE(proxy.set(settings, std::string()));
  EXPECT_FALSE(settings.upstream.proxy.has_value());
}

TEST(Schema, FindsSectionsAndTheirKeys) {
  EXPECT_TRUE(is_section("upstream"));
  EXPECT_TRUE(is_section("upstream.budget"));
  EXPECT_FALSE(is_section("upstream.budget.burst"));
  EXPECT_FALSE(is_section(""));
  EXPECT_THAT(keys_of("upstream.budget"),
              ElementsAre("requests_per_second", "burst", "max_concurrent", "max_queued", "max_queue_wait"));
  EXPECT_THAT(keys_of("nowhere"), ElementsAre());
  EXPECT_EQ(find_setting("upstream.budget", "burst"), &setting("upstream.budget.burst"));
  EXPECT_EQ(find_setting("upstream", "budget.burst"), nullptr);
  EXPECT_EQ(setting("upstream.budget.burst").environment_name(), "ROKTCACHED_UPSTREAM_BUDGET_BURST");
}

TEST(Schema, SizesHaveLimits) {
  const auto size = [](const char* value) -> RawValue { return std::string(value); };
  EXPECT_TRUE(takes("cache.max_memory", size("1MiB")));
  EXPECT_FALSE(takes("cache.max_memory", size("1048575B")));
  EXPECT_TRUE(takes("cache.max_transient", size("1MiB")));
  EXPECT_FALSE(takes("cache.max_transient", size("1048575B")));
  EXPECT_TRUE(takes("cache.max_disk", size("32MiB")));
  EXPECT_FALSE(takes("cache.max_disk", size("31MiB")));
  EXPECT_TRUE(takes("upstream.max_response", size("1KiB")));
  EXPECT_FALSE(takes("upstream.max_response", size("1023B")));
  EXPECT_FALSE(takes("listen.max_head", size("0B")));
  EXPECT_FALSE(takes("cache.max_disk", size("17179869183GiB")));
}

TEST(Schema, ATimeoutIsNeverZeroAndALifetimeMayBe) {
  for (const auto& row : schema()) {
    const RawValue zero = std::string("0ms");
    const bool is_timeout = row.key.ends_with("_timeout");
    const bool is_lifetime = row.section == "freshness" && row.kind == ValueKind::text;
    if (is_timeout || is_lifetime) {
      EXPECT_EQ(takes(row.name(), zero), !is_timeout) << row.name();
    }
  }
}

TEST(Schema, ListsRefuseARepeatedElement) {
  EXPECT_FALSE(takes("listen.addresses", StringList{"127.0.0.1:80", "127.0.0.1:80"}));
  EXPECT_FALSE(takes("listen.allowed_hosts", StringList{"localhost", "localhost"}));
  EXPECT_FALSE(takes("parameters.extra_currencies", StringList{"CHF", "CHF"}));
  EXPECT_FALSE(takes("listen.tls.addresses", StringList{"127.0.0.1:80", "127.0.0.1:80"}));
  EXPECT_FALSE(takes("listen.allowed_origins", StringList{"https://a.example", "https://a.example"}));
  EXPECT_TRUE(takes("listen.addresses", StringList{"127.0.0.1:80", "[::1]:80"}));
}

TEST(Schema, ListsSayWhetherTheyMayBeEmpty) {
  EXPECT_TRUE(takes("listen.addresses", StringList{})) << "there may be TLS instead";
  EXPECT_FALSE(takes("listen.allowed_hosts", StringList{}));
  EXPECT_TRUE(takes("parameters.extra_currencies", StringList{}));
}

TEST(Schema, AllowedHostsHaveNoPort) {
  EXPECT_TRUE(
      takes("listen.allowed_hosts", StringList{"cache.example.com", "10.0.0.1", "[::1]", "[fe80::1]"}));
  for (const char* host : {"", "localhost:8080", "[::1]:8080", "::1", "[::1", "::1]", "[]", "a]b",
                           "http://localhost", "Local", "a b", "a/b", "*"}) {
    EXPECT_FALSE(takes("listen.allowed_hosts", StringList{host})) << '"' << host << '"';
  }
}

TEST(Schema, OnlyTlsIsForTcpAlone) {
  EXPECT_TRUE(takes("listen.addresses", StringList{"unix:/run/proxy.sock"}));
  EXPECT_FALSE(takes("listen.tls.addresses", StringList{"unix:/run/proxy.sock"}));
}

TEST(Schema, CurrenciesAreCodes) {
  for (const char* currency : {"", "chf", "CH", "CHFX", "C1F", "CH "}) {
    EXPECT_FALSE(takes("parameters.extra_currencies", StringList{currency})) << '"' << currency << '"';
  }
}

TEST(Schema, TheAdminListenerCanBeOff) {
  Settings settings;
  ASSERT_TRUE(setting("admin.address").set(settings, std::string("off")));
  EXPECT_FALSE(settings.admin.address.has_value());
  EXPECT_EQ(setting("admin.address").get(settings), RawValue(std::string("off")));
  ASSERT_TRUE(setting("admin.address").set(settings, std::string("[::1]:0")));
  EXPECT_EQ(settings.admin.address, (Endpoint{"[::1]", 0}));
  ASSERT_TRUE(setting("admin.address").set(settings, std::string("unix:/run/admin.sock")));
  EXPECT_EQ(settings.admin.address, (Endpoint{"", 0, "/run/admin.sock"}));
  EXPECT_FALSE(takes("admin.address", std::string("on")));
}

TEST(Schema, ChoicesTakeTheirWordsOnly) {
  for (const char* level : {"trace", "debug", "info", "warn", "error"})
    EXPECT_TRUE(takes("log.level", std::string(level))) << level;
  for (const char* level : {"", "INFO", "warning", "off"})
    EXPECT_FALSE(takes("log.level", std::string(level))) << level;
  EXPECT_FALSE(takes("log.format", std::string("xml")));
  EXPECT_FALSE(takes("parameters.validation", std::string("none")));
}

TEST(Schema, AValueArrivesInItsField) {
  Settings settings;
  ASSERT_TRUE(setting("listen.addresses").set(settings, StringList{"[::1]:9", "127.0.0.1:9"}));
  ASSERT_TRUE(setting("freshness.open").set(settings, std::string("90s")));
  ASSERT_TRUE(setting("cache.max_memory").set(settings, std::string("2MiB")));
  ASSERT_TRUE(setting("parameters.validation").set(settings, std::string("lenient")));
  ASSERT_TRUE(setting("log.access").set(settings, false));
  EXPECT_THAT(settings.listen.addresses, ElementsAre(Endpoint{"[::1]", 9}, Endpoint{"127.0.0.1", 9}));
  EXPECT_EQ(settings.freshness.open, 90s);
  EXPECT_EQ(settings.cache.max_memory, 2U << 20);
  EXPECT_EQ(settings.parameters.validation, rokt::Validation::lenient);
  EXPECT_FALSE(settings.log.access);
}

TEST(Toml, WritesEveryKindOfValue) {
  EXPECT_EQ(to_toml(true), "true");
  EXPECT_EQ(to_toml(false), "false");
  EXPECT_EQ(to_toml(std::int64_t{10'000}), "10000");
  EXPECT_EQ(to_toml(10.0), "10");
  EXPECT_EQ(to_toml(0.01), "0.01");
  EXPECT_EQ(to_toml(100'000.0), "100000");
  EXPECT_EQ(to_toml(1e300), "1e+300");
  EXPECT_EQ(to_toml(std::numeric_limits<double>::infinity()), "inf");
  EXPECT_EQ(to_toml(std::string("5m")), "\"5m\"");
  EXPECT_EQ(to_toml(StringList{}), "[]");
  EXPECT_EQ(to_toml(StringList{"a", "b"}), "[\"a\", \"b\"]");
}

// TOML 1.0, section "String": quotes, backslashes and control characters are escaped in a basic string.
TEST(Toml, EscapesWhatABasicStringCannotHold) {
  EXPECT_EQ(to_toml(std::string("a\"b\\c")), R"("a\"b\\c")");
  EXPECT_EQ(to_toml(std::string("a\nb\x01")), R"("a\u000Ab\u0001")");
  EXPECT_EQ(to_toml(std::string("caf\xc3\xa9")), "\"caf\xc3\xa9\"");
}

}  // namespace
}  // namespace roktcached::config
