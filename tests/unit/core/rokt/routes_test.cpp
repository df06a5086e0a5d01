#include "core/rokt/routes.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace roktcached::rokt {
namespace {

std::string name_of(std::string_view path, std::string_view method = "GET") {
  static const RouteTable table(rokt_routes());
  const auto match = table.match(method, path);
  return match ? match->route->name : std::string();
}

TEST(RouteTable, KnowsTheThirteenRoutes) {
  const std::string a = "/reporting/accounts/12";
  const std::string m = "/metadata/accounts/12/campaigns/3";
  EXPECT_EQ(rokt_routes().size(), 19U);
  EXPECT_EQ(name_of("/auth/oauth2/token", "POST"), "token");
  EXPECT_EQ(name_of(a + "/campaigns/breakdown"), "account-campaigns-breakdown");
  EXPECT_EQ(name_of(a + "/summary"), "account-summary");
  EXPECT_EQ(name_of(a + "/transactions/overview"), "account-transactions-overview");
  EXPECT_EQ(name_of(a + "/transactions/breakdown"), "account-transactions-breakdown");
  EXPECT_EQ(name_of(a + "/campaigns/3/overview"), "campaign-overview");
  EXPECT_EQ(name_of(a + "/campaigns/3/breakdown"), "campaign-breakdown");
  EXPECT_EQ(name_of(a + "/campaigns/3/histogram"), "campaign-histogram");
  EXPECT_EQ(name_of(a + "/campaigns/3/creatives/2/overview"), "creative-overview");
  EXPECT_EQ(name_of(a + "/campaigns/3/creatives/2/breakdown"), "creative-breakdown");
  EXPECT_EQ(name_of(m), "campaign-metadata");
  EXPECT_EQ(name_of(m + "/audiences/1"), "audience-metadata");
  EXPECT_EQ(name_of(m + "/creatives/2"), "creative-metadata");
}

TEST(RouteTable, ACampaignMayBeCalledBreakdownWhereTheTableLeavesRoom) {
  EXPECT_EQ(name_of("/reporting/accounts/1/campaigns/breakdown/overview"), "campaign-overview");
}

TEST(RouteTable, MatchesStrictly) {
  const std::string long_id(65, 'a');
  for (const std::string& path :
       {std::string("/"), std::string("/reporting//accounts/1/summary"),
        std::string("/reporting/accounts//summary"), std::string("/reporting/./accounts/1/summary"),
        std::string("/reporting/accounts/../1/summary"), std::string("/reporting/accounts/1%2F2/summary"),
        std::string("/reporting/accounts/%31/summary"), std::string("/reporting/accounts/1/summary/"),
        std::string("/Reporting/accounts/1/summary"), "/reporting/accounts/" + long_id + "/summary",
        std::string("/reporting/accounts/1.2/summary")}) {
    EXPECT_EQ(name_of(path), "") << path;
  }
  EXPECT_EQ(name_of("/reporting/accounts/" + std::string(64, 'a') + "/summary"), "account-summary");
}

TEST(RouteTable, HeadIsServedWhereGetIsAndTheRestIsNamed) {
  const RouteTable table(rokt_routes());
  EXPECT_EQ(name_of("/reporting/accounts/1/summary", "HEAD"), "account-summary");
  const auto post = table.match("POST", "/reporting/accounts/1/summary");
  ASSERT_FALSE(post);
  EXPECT_EQ(post.error().code, ErrorCode::method_not_allowed);
  EXPECT_EQ(post.error().context, "GET, HEAD");
  EXPECT_EQ(table.match("GET", "/auth/oauth2/token").error().context, "POST");
}

TEST(RouteTable, NamesTheMethodsOfAPathAndOfAll) {
  std::vector<Route> routes = rokt_routes();
  routes.push_back({"files", "/files/{rest...}", {"GET", "PUT"}, RouteClass::http, {}, false});
  routes.push_back({"drop", "/files/{id}", {"DELETE", "PUT"}, RouteClass::off, {}, false});
  const RouteTable table(routes);
  EXPECT_EQ(table.allowed_methods("/files/a/b"), "GET, HEAD, PUT");
  EXPECT_EQ(table.allowed_methods("/files/a"), "DELETE, PUT, GET, HEAD");
  EXPECT_EQ(table.allowed_methods("/nowhere"), "");
  EXPECT_EQ(table.all_methods(), "POST, GET, HEAD, DELETE, PUT");
}

TEST(RouteTable, NamesAccountAndCampaign) {
  const RouteTable table(rokt_routes());
  const auto match = table.match("GET", "/reporting/accounts/12/campaigns/x-3/creatives/2/overview");
  ASSERT_TRUE(match);
  EXPECT_EQ(match->account_id, "12");
  EXPECT_EQ(match->campaign_id, "x-3");
  EXPECT_EQ(table.match("GET", "/reporting/accounts/12/summary")->campaign_id, "");
}

TEST(RouteTable, OperatorsRoutesTakeLooserSegmentsAndARest) {
  std::vector<Route> routes = rokt_routes();
  routes.push_back({"files", "/files/{rest...}", {"GET"}, RouteClass::off, {}, false});
  routes.push_back({"one", "/files/{id}", {"GET"}, RouteClass::off, {}, false});
  const RouteTable table(routes);
  EXPECT_EQ(table.match("GET", "/files/a.b~c")->route->name, "one");
  EXPECT_EQ(table.match("GET", "/files/a/b%20c")->route->name, "files");
  EXPECT_FALSE(table.match("GET", "/files"));
  EXPECT_FALSE(table.match("GET", "/files/a/../b"));
  EXPECT_FALSE(table.match("GET", "/files/a//b"));
}

TEST(RouteTable, ARestMayBeEmptyBehindItsSlash) {
  const RouteTable all({{"all", "/{rest...}", {"GET"}, RouteClass::http, {}, false}});
  for (const std::string_view path : {"/", "/a", "/a/", "/a/b/"}) EXPECT_TRUE(all.match("GET", path)) << path;
  for (const std::string_view path : {"//", "//a", "/a//", "/./", "/../"})
    EXPECT_FALSE(all.match("GET", path)) << path;
  const RouteTable files({{"files", "/files/{rest...}", {"GET"}, RouteClass::off, {}, false}});
  for (const std::string_view path : {"/files/", "/files/a", "/files/a/"})
    EXPECT_TRUE(files.match("GET", path)) << path;
  for (const std::string_view path : {"/", "/files", "/files//", "/files/a//", "/file/"})
    EXPECT_FALSE(files.match("GET", path)) << path;
  const RouteTable reports({{"reports", "/x/{rest...}", {"GET"}, RouteClass::report, {}, true}});
  EXPECT_TRUE(reports.match("GET", "/x/a"));
  for (const std::string_view path : {"/x/", "/x/a/"})
    EXPECT_FALSE(reports.match("GET", path)) << path << ": a report's path has one spelling";
}

TEST(RouteTable, ALiteralSlashBeatsAnEmptyRest) {
  const RouteTable table({{"all", "/{rest...}", {"GET"}, RouteClass::off, {}, false},
                          {"files", "/files/{rest...}", {"GET"}, RouteClass::off, {}, false},
                          {"one", "/{id}", {"GET"}, RouteClass::off, {}, false}});
  EXPECT_EQ(table.match("GET", "/files/")->route->name, "files");
  EXPECT_EQ(table.match("GET", "/")->route->name, "all");
  EXPECT_EQ(table.match("GET", "/files")->route->name, "one");
}

TEST(RouteTable, ADotSegmentIsOneHoweverItIsSpelled) {
  const RouteTable table({{"files", "/files/{rest...}", {"GET"}, RouteClass::off, {}, true}});
  for (const std::string_view path :
       {"/files/%2e%2E/x", "/files/.%2e/x", "/files/%2E./x", "/files/%2e/x", "/files/x/%2e%2e"}) {
    EXPECT_FALSE(table.match("GET", path)) << path;
  }
  for (const std::string_view path : {"/files/.../x", "/files/.hidden", "/files/%2ehidden", "/files/a%2e"}) {
    EXPECT_TRUE(table.match("GET", path)) << path;
  }
}

TEST(RouteTable, AllowNamesEveryMethodOnce) {
  std::vector<Route> routes = rokt_routes();
  routes.push_back({"all", "/reporting/accounts/{id}/{rest...}", {"GET", "PUT"}, RouteClass::off, {}, false});
  const auto match = RouteTable(routes).match("POST", "/reporting/accounts/1/summary");
  ASSERT_FALSE(match);
  EXPECT_EQ(match.error().context, "GET, HEAD, PUT");
  const RouteTable table(routes);
  EXPECT_EQ(table.allowed_methods("/reporting/accounts/1/summary"), "GET, HEAD, PUT");
  EXPECT_EQ(table.allowed_methods("/auth/oauth2/token"), "POST");
  EXPECT_EQ(table.allowed_methods("/nothing"), "");
}

TEST(AllRoutes, AnOperatorsRouteTakesThePlaceOfABuiltInOne) {
  const auto built_in_left = [](Route route) {
    std::vector<std::string> left;
    const auto all = all_routes({route});
    EXPECT_EQ(all.back(), route);
    for (const auto& one : all) left.push_back(one.name);
    left.pop_back();
    return left;
  };
  const auto has = [](const std::vector<std::string>& names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
  };
  const std::string summary = "/reporting/accounts/{account}/summary";
  const auto by_path = built_in_left({"mine", summary, {"GET"}, RouteClass::http, {}, true});
  EXPECT_EQ(by_path.size(), rokt_routes().size() - 1);
  EXPECT_FALSE(has(by_path, "account-summary"));
  const auto by_name = built_in_left({"account-summary", "/mine", {"GET"}, RouteClass::http, {}, true});
  EXPECT_FALSE(has(by_name, "account-summary"));
  const auto other_method = built_in_left({"mine", summary, {"PUT"}, RouteClass::off, {}, false});
  EXPECT_TRUE(has(other_method, "account-summary"));
  EXPECT_TRUE(
      has(built_in_left({"token", "/auth/oauth2/token", {"POST"}, RouteClass::off, {}, false}), "token"))
      << "nobody takes the place of that one";
}

TEST(ValidateRoute, SaysWhatIsWrong) {
  const Route good{"my-route", "/x/{id}", {"GET"}, RouteClass::report, {}, true};
  EXPECT_TRUE(validate(good));
  const auto message = [&](auto change) {
    Route route = good;
    change(route);
    const auto result = validate(route);
    return result ? std::string() : result.error().context;
  };
  EXPECT_NE(message([](Route& r) { r.name = "My Route"; }), "");
  EXPECT_NE(message([](Route& r) { r.pattern = "x"; }), "");
  EXPECT_NE(message([](Route& r) { r.pattern = "/x//y"; }), "");
  EXPECT_NE(message([](Route& r) { r.pattern = "/x/{a}b"; }), "");
  EXPECT_NE(message([](Route& r) { r.pattern = "/{a...}/x"; }), "");
  EXPECT_NE(message([](Route& r) { r.pattern = "/{a}/{a}"; }), "");
  EXPECT_NE(message([](Route& r) { r.methods = {}; }), "");
  EXPECT_NE(message([](Route& r) { r.methods = {"HEAD"}; }), "");
  EXPECT_NE(message([](Route& r) {
              r.route_class = RouteClass::off;
              r.methods = {"POST"};
            }).find("nothing that could write"),
            std::string::npos);
  EXPECT_EQ(message([](Route& r) {
              r.route_class = RouteClass::off;
              r.inject_token = false;
              r.methods = {"POST"};
            }),
            "");
}

TEST(RouteTable, AQueryIsTakenWithALastSlashAndWithout) {
  const RouteTable table(rokt_routes());
  for (const char* kind : {"campaigns", "transactions"}) {
    for (const char* slash : {"", "/"}) {
      const std::string path = "/v1/query/accounts/7/" + std::string(kind) + slash;
      const auto match = table.match("POST", path);
      ASSERT_TRUE(match) << path;
      EXPECT_EQ(match->route->name, "query-" + std::string(kind));
      EXPECT_EQ(match->account_id, "7");
      const std::string sent = kind == std::string("campaigns") ? "/v1/query/accounts/7/campaigns/"
                                                                : "/v1/query/accounts/7/transactions";
      EXPECT_EQ(upstream_path(*match->route, path), sent);
    }
  }
  for (const char* path : {"/v1/query/accounts/7/campaigns//", "/v1/query/accounts/7//campaigns",
                           "/v1/query/accounts//campaigns/", "/v1/query/accounts/7/"}) {
    EXPECT_FALSE(table.match("POST", path)) << path;
  }
  EXPECT_EQ(table.allowed_methods("/v1/query/accounts/7/campaigns"), "POST");
  EXPECT_EQ(table.allowed_methods("/v1/query/accounts/7/campaigns/help"), "GET, HEAD");
}

TEST(RouteTable, OtherRoutesTakeNoLastSlash) {
  const RouteTable table(rokt_routes());
  EXPECT_FALSE(table.match("GET", "/v1/query/accounts/"));
  EXPECT_FALSE(table.match("GET", "/v1/query/accounts/7/campaigns/help/"));
  EXPECT_FALSE(table.match("GET", "/reporting/accounts/7/summary/"));
  EXPECT_EQ(upstream_path(*table.match("GET", "/v1/query/accounts")->route, "/v1/query/accounts"),
            "/v1/query/accounts");
}

TEST(ServeTheSame, WhateverTheLastSlashOfAQuery) {
  for (const char* path : {"/v1/query/accounts/{id}/campaigns", "/v1/query/accounts/{id}/campaigns/"}) {
    const Route mine{"mine", path, {"POST"}, RouteClass::off, {}, false};
    EXPECT_EQ(all_routes({mine}).size(), rokt_routes().size()) << path;
  }
  const Route other{"other", "/reporting/accounts/{id}/summary/", {"GET"}, RouteClass::off, {}, false};
  EXPECT_EQ(all_routes({other}).size(), rokt_routes().size() + 1);
}

}  // namespace
}  // namespace roktcached::rokt
