#include "tests/unit/server/proxy/proxy_fixture.h"

namespace roktcached::proxy {
namespace {

class AllowedAccountsTest : public ProxyFixture {
 protected:
  AllowedAccountsTest() {
    upstream.answer = [](const auto&) { return upstream_failure(ErrorCode::upstream_unreachable); };
  }
  static config::Settings with_some_more_routes() {
    config::Settings settings;
    settings.log.access = false;
    std::vector<rokt::Route>& all = settings.routes;
    all.push_back({"files", "/files", {"GET"}, rokt::RouteClass::http, {}, false});
    all.push_back({"logs", "/logs/{accountId}/{rest...}", {"GET"}, rokt::RouteClass::off, {}, false});
    return settings;
  }
  static std::string summary(const std::string& account) {
    return "/reporting/accounts/" + account + "/summary";
  }
  http::Answer ask(const std::string& target, const config::Client* rules,
                   const std::string& method = "GET") {
    http::Request request;
    request.method = method;
    request.target = target;
    request.rules = rules;
    request.runtime = &other_runtime;
    return ProxyFixture::ask(std::move(request));
  }
  [[nodiscard]] static bool is_refused(const http::Answer& answer) {
    return answer.status == 403 && answer.body->view().find("account-not-allowed") != std::string::npos;
  }

  const config::Client some = [] {
    config::Client client;
    client.name = "tableau";
    client.accounts = {"12", "aB-1"};
    return client;
  }();
  const Runtime other_runtime{with_some_more_routes(), nullptr, 2};
};

TEST_F(AllowedAccountsTest, OfAClientWithoutAListAreAll) {
  const config::Client everything;
  for (const config::Client* rules : {static_cast<const config::Client*>(nullptr), &everything}) {
    EXPECT_FALSE(is_refused(ask(summary("12"), rules)));
    EXPECT_FALSE(is_refused(ask("/files", rules)));
  }
}

TEST_F(AllowedAccountsTest, AreThoseOfItsList) {
  EXPECT_FALSE(is_refused(ask(summary("12"), &some)));
  EXPECT_FALSE(is_refused(ask(summary("aB-1"), &some)));
  for (const char* id : {"1", "123", "0012", "13", "ab-1", "AB-1"})
    EXPECT_TRUE(is_refused(ask(summary(id), &some))) << id;
}

TEST_F(AllowedAccountsTest, AreNoneOnARouteThatNamesNone) {
  const http::Answer answer = ask("/files", &some);
  ASSERT_TRUE(is_refused(answer));
  EXPECT_NE(answer.body->view().find("this route names no account"), std::string::npos);
}

TEST_F(AllowedAccountsTest, AreJudgedOnRoutesOfEveryClass) {
  for (const char* target : {"/logs/12/a", "/logs/1%32/a"})
    EXPECT_FALSE(is_refused(ask(target, &some))) << target;
  for (const char* target : {"/logs/13/a", "/logs/1%33/a", "/logs/12%20/a", "/logs/a/12"})
    EXPECT_TRUE(is_refused(ask(target, &some))) << target;
}

TEST_F(AllowedAccountsTest, AreJudgedBehindTheRouteAndBeforeTheParameters) {
  EXPECT_EQ(ask("/nothing", &some).status, 404U);
  EXPECT_EQ(ask(summary("13"), &some, "DELETE").status, 405U);
  EXPECT_EQ(ask(summary("12") + "?no=such", &some).status, 400U);
  EXPECT_TRUE(is_refused(ask(summary("13") + "?no=such", &some)));
}

TEST_F(AllowedAccountsTest, AreJudgedBeforeAnythingIsAskedFor) {
  for (const std::string& target : {summary("13"), std::string("/files"), std::string("/logs/13/a")})
    EXPECT_TRUE(is_refused(ask(target, &some))) << target;
  EXPECT_TRUE(upstream.requests.empty());
  ask("/logs/12/a", &some);
  EXPECT_EQ(upstream.requests.size(), 1U);
}

}  // namespace
}  // namespace roktcached::proxy
