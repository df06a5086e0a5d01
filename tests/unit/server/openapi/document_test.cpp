#include "server/openapi/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <set>
#include <string>

namespace roktcached::openapi {
namespace {

namespace json = boost::json;
using testing::HasSubstr;
using testing::Not;

json::object made(const config::Settings& settings = {}, ServedBy served_by = ServedBy::proxy) {
  const rokt::RouteTable routes(rokt::all_routes(settings.routes));
  return json::parse(document(settings, routes, served_by)).as_object();
}

json::object operation(const json::object& document, std::string_view path, std::string_view method) {
  return document.at("paths").at(path).at(method).as_object();
}

/// The names of the parameters, references resolved by their last word.
std::set<std::string> parameter_names(const json::object& operation) {
  std::set<std::string> names;
  for (const json::value& parameter : operation.at("parameters").as_array()) {
    const json::object& object = parameter.as_object();
    const std::string text(object.contains("name") ? object.at("name").as_string()
                                                   : object.at("$ref").as_string());
    names.insert(text.substr(text.rfind('/') + 1));
  }
  return names;
}

TEST(OpenApi, HasEachRouteWithItsParameters) {
  const json::object document = made();
  for (const rokt::Route& route : rokt::rokt_routes()) {
    const std::string_view method = route.methods.front() == "GET" ? "get" : "post";
    std::string path = route.pattern;
    if (path.ends_with('/')) path.pop_back();  // of no meaning there
    EXPECT_EQ(operation(document, path, method).at("operationId"), json::value(route.name));
  }
  EXPECT_EQ(
      parameter_names(
          operation(document, "/reporting/accounts/{accountId}/campaigns/{campaignId}/breakdown", "get")),
      (std::set<std::string>{"accountId", "campaignId", "dateStart", "dateEnd", "currency",
                             "timeZoneVariation", "roktVersion", "groupby", "format", "columns", "dates"}));
  EXPECT_EQ(
      parameter_names(operation(document, "/metadata/accounts/{accountId}/campaigns/{campaignId}", "get")),
      (std::set<std::string>{"accountId", "campaignId", "roktVersion", "format", "columns"}));
}

TEST(OpenApi, HasTheOperatorsRoutesEachMethodOnce) {
  config::Settings settings;
  settings.routes = {
      {"files", "/files/{rest...}", {"GET", "PUT", "PROPFIND"}, rokt::RouteClass::http, {}, false},
      {"one", "/shapes/{first}/x", {"GET"}, rokt::RouteClass::off, {}, false},
      {"two", "/shapes/{second}/x", {"POST"}, rokt::RouteClass::off, {}, false}};
  const json::object document = made(settings);
  EXPECT_EQ(operation(document, "/files/{rest}", "get").at("operationId"), "files");
  EXPECT_EQ(operation(document, "/files/{rest}", "put").at("operationId"), "files_put");
  EXPECT_EQ(document.at("paths").at("/files/{rest}").as_object().size(), 2U) << "OpenAPI knows no PROPFIND";
  EXPECT_EQ(operation(document, "/shapes/{first}/x", "get").at("operationId"), "one");
  EXPECT_EQ(parameter_names(operation(document, "/shapes/{first}/x", "post")), std::set<std::string>{"first"})
      << "paths of one shape are one path there";
  EXPECT_FALSE(document.at("paths").as_object().contains("/shapes/{second}/x"));
}

TEST(OpenApi, SaysWhereTheOtherListenersOperationsAre) {
  config::Settings settings;
  settings.listen.addresses = {{"0.0.0.0", 9000}};
  const json::object by_proxy = made(settings);
  EXPECT_EQ(operation(by_proxy, "/status", "get").at("servers").at(0).at("url"), "http://127.0.0.1:8081");
  EXPECT_FALSE(operation(by_proxy, "/reporting/accounts/{accountId}/summary", "get").contains("servers"));
  const json::object by_admin = made(settings, ServedBy::admin);
  EXPECT_FALSE(operation(by_admin, "/status", "get").contains("servers"));
  EXPECT_EQ(
      operation(by_admin, "/reporting/accounts/{accountId}/summary", "get").at("servers").at(0).at("url"),
      "http://localhost:9000");
  settings.admin.address.reset();
  EXPECT_FALSE(made(settings).at("paths").as_object().contains("/status")) << "there is none";
}

TEST(OpenApi, AnOwnPathGoesBeforeTheOtherListeners) {
  config::Settings settings;
  settings.routes = {{"own-status", "/status", {"GET"}, rokt::RouteClass::off, {}, false}};
  EXPECT_EQ(operation(made(settings), "/status", "get").at("operationId"), "own-status");
  EXPECT_EQ(operation(made(settings, ServedBy::admin), "/status", "get").at("operationId"), "getStatus");
}

TEST(OpenApi, OperationIdsAreUnique) {
  for (const ServedBy served_by : {ServedBy::proxy, ServedBy::admin}) {
    std::set<std::string> ids;
    const json::object document = made({}, served_by);
    for (const auto& path : document.at("paths").as_object()) {
      for (const auto& method : path.value().as_object())
        EXPECT_TRUE(ids.emplace(method.value().at("operationId").as_string()).second) << path.key();
    }
    EXPECT_GT(ids.size(), 20U);
  }
}

TEST(OpenApi, FollowsWhatTheSettingsCheck) {
  config::Settings settings;
  settings.parameters.extra_currencies = {"CHF"};
  const auto currency = [&settings] {
    return made(settings).at("components").at("parameters").at("currency");
  };
  EXPECT_EQ(currency().at("required"), true);
  EXPECT_EQ(currency().at("schema").at("enum").as_array().back(), "CHF");
  settings.parameters.validation = rokt::Validation::lenient;
  EXPECT_EQ(currency().at("required"), false);
  EXPECT_FALSE(currency().at("schema").as_object().contains("enum")) << "any other is forwarded";
}

TEST(OpenApi, SaysHowClientsSignInAndNamesNone) {
  EXPECT_FALSE(operation(made(), "/reporting/accounts/{accountId}/summary", "get").contains("security"));
  config::Settings settings;
  settings.clients.resize(1);
  settings.clients[0].name = "tableau";
  settings.credentials[0].app_id_file = "/etc/roktcached/app_id";
  settings.admin.address = config::Endpoint{"", 0, "/run/roktcached/admin.sock"};
  const rokt::RouteTable routes(rokt::all_routes({}));
  const std::string text = document(settings, routes, ServedBy::proxy);
  for (const char* secret : {"tableau", "app_id", "admin.sock"}) EXPECT_THAT(text, Not(HasSubstr(secret)));
  const json::object document = json::parse(text).as_object();
  EXPECT_EQ(
      operation(document, "/reporting/accounts/{accountId}/summary", "get").at("security").as_array().size(),
      4U);
  EXPECT_FALSE(operation(document, "/auth/oauth2/token", "post").contains("security"));
  EXPECT_TRUE(operation(document, "/purge", "post").contains("security"));
}

}  // namespace
}  // namespace roktcached::openapi
