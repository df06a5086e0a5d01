#include "config/service_links.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/support.h"

namespace roktcached::config {
namespace {

using testing::HasSubstr;

/// As Kubernetes 1.31 gives them for a Service "roktcached" with the ports "http" and "tls".
const std::map<std::string, std::string> of_kubernetes = {
    {"ROKTCACHED_SERVICE_HOST", "10.96.12.7"},       {"ROKTCACHED_SERVICE_PORT", "8080"},
    {"ROKTCACHED_SERVICE_PORT_HTTP", "8080"},        {"ROKTCACHED_SERVICE_PORT_TLS", "8443"},
    {"ROKTCACHED_PORT", "tcp://10.96.12.7:8080"},    {"ROKTCACHED_PORT_8080_TCP", "tcp://10.96.12.7:8080"},
    {"ROKTCACHED_PORT_8080_TCP_PROTO", "tcp"},       {"ROKTCACHED_PORT_8080_TCP_PORT", "8080"},
    {"ROKTCACHED_PORT_8080_TCP_ADDR", "10.96.12.7"}, {"ROKTCACHED_PORT_8443_TCP", "tcp://10.96.12.7:8443"}};

TEST(ServiceLinks, OfKubernetesAreNoSettings) {
  for (const auto& [name, value] : of_kubernetes) EXPECT_TRUE(is_service_link(name, value)) << name;
  auto environment = of_kubernetes;
  environment["ROKTCACHED_LISTEN_THREADS"] = "2";
  const auto settings = Loader().load("# nothing", environment);
  ASSERT_TRUE(settings) << settings.error().context;
  EXPECT_EQ(settings->listen.threads, 2U);
}

// A Service "roktcached-fleet" is what the engine of a fleet is likely to be called.
TEST(ServiceLinks, OfServicesThatBeginWithOurNameAreNoSettingsEither) {
  Variables environment;
  for (const std::string service : {"ROKTCACHED_FLEET", "ROKTCACHED_FLEET_2", "ROKTCACHED_ADMIN"}) {
    for (const auto& [plain, value] : of_kubernetes) {
      const std::string name = service + plain.substr(std::string_view("ROKTCACHED").size());
      EXPECT_TRUE(is_service_link(name, value)) << name;
      environment[name] = value;
    }
  }
  environment["ROKTCACHED_FLEET_CONTROL_TIMEOUT"] = "1s";
  const auto settings = Loader().load("# nothing", environment);
  ASSERT_TRUE(settings) << settings.error().context;
  EXPECT_EQ(settings->fleet.control_timeout, std::chrono::seconds{1});
}

TEST(ServiceLinks, AreNotTakenForAMistakeThatLooksLikeThem) {
  for (const char* const name :
       {"ROKTCACHED_PORT", "ROKTCACHED_PORT_", "ROKTCACHED_PORT_8080", "ROKTCACHED_PORT_TCP",
        "ROKTCACHED_PORT_8080_HTTP", "ROKTCACHED_PORT_80_TCP_X", "ROKTCACHED_SERVICE",
        "ROKTCACHED_SERVICE_PORT_", "ROKTCACHED_FLEET_PORT", "ROKTCACHED_FLEET_SERVICE_PORT_",
        "ROKTCACHEDX_SERVICE_HOST", "ROKTCACHED_SERVICE_NAME", "ROKTCACHED_HOST", "ROKTCACHED_ADMIN_PORT",
        "SERVICE_HOST"}) {
    EXPECT_FALSE(is_service_link(name, "8080")) << name;
  }
  const auto settings = Loader().load("# nothing", {{"ROKTCACHED_PORT", "8080"}});
  ASSERT_FALSE(settings);
  EXPECT_THAT(settings.error().context, HasSubstr("$ROKTCACHED_PORT: no such setting"));
}

}  // namespace
}  // namespace roktcached::config
