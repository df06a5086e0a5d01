#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "config/load.h"
#include "tests/unit/config/support.h"

namespace roktcached::config {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class TablesTest : public testing::Test {
 protected:
  Loader loader_;
};

TEST_F(TablesTest, ACredentialNamesItsFiles) {
  const auto settings = loader_.load(
      "[[credential]]\nname = \"team_A-1\"\napp_id_file = \"/run/id\"\napp_secret_file = \"/run/secret\"\n");
  ASSERT_TRUE(settings) << settings.error().context;
  EXPECT_EQ(settings->credentials.front().name, "team_A-1");
  EXPECT_EQ(settings->credentials.front().app_id_file, "/run/id");
  EXPECT_EQ(settings->credentials.front().app_secret_file, "/run/secret");
  EXPECT_TRUE(settings->credentials.front().app_id.empty()) << "loading reads no secret";
}

TEST_F(TablesTest, ACredentialIsAnArrayOfTables) {
  EXPECT_THAT(loader_.mistakes("[credential]\nname = \"a\"\n"),
              ElementsAre(AllOf(StartsWith("FILE:1: credential"), HasSubstr("[[credential]]"))));
  EXPECT_THAT(loader_.mistakes("credential = []\n"), ElementsAre(StartsWith("FILE:1: credential")));
  EXPECT_THAT(loader_.mistakes("credential = [1]\n"), ElementsAre(StartsWith("FILE:1: credential")));
}

TEST_F(TablesTest, ACredentialsMistakesNameTheirLines) {
  EXPECT_THAT(loader_.mistakes("[[credential]]\napp_id_fil = \"x\"\n"),
              ElementsAre(AllOf(StartsWith("FILE:2: credential.app_id_fil: "),
                                HasSubstr("did you mean app_id_file?"))));
  EXPECT_THAT(loader_.mistakes("[[credential]]\napp_id_file = 5\n"),
              ElementsAre(StartsWith("FILE:2: credential.app_id_file = 5: ")));
}

TEST_F(TablesTest, ACredentialsNameIsPartOfKeysAndLogs) {
  for (const char* name : {"", "a b", "a.b", "a\\nb", "é"}) {
    EXPECT_THAT(loader_.mistakes(std::string("[[credential]]\nname = \"") + name + "\"\n"),
                ElementsAre(HasSubstr("credential.name = ")))
        << name;
  }
  EXPECT_THAT(loader_.mistakes("[[credential]]\nname = \"" + std::string(64, 'a') + "\"\n"), IsEmpty());
  EXPECT_THAT(loader_.mistakes("[[credential]]\nname = \"" + std::string(65, 'a') + "\"\n"),
              ElementsAre(HasSubstr("credential.name = ")));
}

TEST_F(TablesTest, ASecretInTheFileIsRefusedAndNotRepeated) {
  EXPECT_THAT(loader_.mistakes("[[credential]]\napp_secret = \"hunter2\"\n"),
              ElementsAre(AllOf(StartsWith("FILE:2: credential.app_secret: "), HasSubstr("app_secret_file"),
                                Not(HasSubstr("hunter2")))));
  EXPECT_THAT(loader_.mistakes("[credential]\napp_secret = \"hunter2\"\n"),
              ElementsAre(Not(HasSubstr("hunter2"))));
}

TEST_F(TablesTest, ARouteHasUsefulDefaults) {
  const auto settings = loader_.load("[[route]]\nname = \"mine\"\npath = \"/reporting/mine/{accountId}\"\n");
  ASSERT_TRUE(settings) << settings.error().context;
  ASSERT_EQ(settings->routes.size(), 1U);
  const rokt::Route& route = settings->routes.front();
  EXPECT_EQ(route.name, "mine");
  EXPECT_EQ(route.pattern, "/reporting/mine/{accountId}");
  EXPECT_THAT(route.methods, ElementsAre("GET"));
  EXPECT_EQ(route.route_class, rokt::RouteClass::report);
  EXPECT_THAT(route.groupby, IsEmpty());
  EXPECT_TRUE(route.inject_token);
}

TEST_F(TablesTest, ReadsARoutesEveryKey) {
  const auto settings = loader_.load(
      "[[route]]\nname = \"a\"\npath = \"/a/{rest...}\"\nmethods = [\"POST\", \"PUT\"]\ncache = "
      "\"off\"\ninject_token = false\n"
      "[[route]]\nname = \"b\"\npath = \"/b\"\ncache = \"metadata\"\n"
      "[[route]]\nname = \"c\"\npath = \"/c\"\ncache = \"report\"\ngroupby = [\"day\", \"hour\"]\n");
  ASSERT_TRUE(settings) << settings.error().context;
  ASSERT_EQ(settings->routes.size(), 3U);
  EXPECT_THAT(settings->routes[0].methods, ElementsAre("POST", "PUT"));
  EXPECT_EQ(settings->routes[0].route_class, rokt::RouteClass::off);
  EXPECT_FALSE(settings->routes[0].inject_token);
  EXPECT_EQ(settings->routes[1].route_class, rokt::RouteClass::metadata);
  EXPECT_THAT(settings->routes[2].groupby, ElementsAre("day", "hour"));
}

TEST_F(TablesTest, ARouteIsAnArrayOfTables) {
  EXPECT_THAT(loader_.mistakes("\n[route]\nname = \"a\"\n"),
              ElementsAre(AllOf(StartsWith("FILE:2: route"), HasSubstr("[[route]]"))));
}

TEST_F(TablesTest, ARoutesMistakesNameTheirLines) {
  const std::string head = "[[route]]\nname = \"a\"\npath = \"/a\"\n";
  EXPECT_THAT(loader_.mistakes(head + "chache = \"off\"\n"),
              ElementsAre(AllOf(StartsWith("FILE:4: route.chache: "), HasSubstr("did you mean cache?"))));
  EXPECT_THAT(loader_.mistakes(head + "methods = \"GET\"\n"),
              Contains(StartsWith("FILE:4: route.methods = \"GET\": ")));
  EXPECT_THAT(loader_.mistakes(head + "methods = [1]\n"), Contains(StartsWith("FILE:4: route.methods = ")));
  EXPECT_THAT(loader_.mistakes(head + "inject_token = \"no\"\n"),
              ElementsAre(StartsWith("FILE:4: route.inject_token = \"no\": ")));
  EXPECT_THAT(loader_.mistakes(head + "cache = 1\n"), ElementsAre(StartsWith("FILE:4: route.cache = 1: ")));
}

TEST_F(TablesTest, ARoutesCacheIsOneOfFour) {
  for (const char* cache : {"token", "", "Report", "HTTP"}) {
    EXPECT_THAT(
        loader_.mistakes(std::string("[[route]]\nname = \"a\"\npath = \"/a\"\ncache = \"") + cache + "\"\n"),
        ElementsAre(AllOf(StartsWith("FILE:4: route.cache = "),
                          HasSubstr("\"report\", \"metadata\", \"http\", \"off\""))))
        << cache;
  }
}

TEST_F(TablesTest, ARouteThatIsNotValidIsRefused) {
  EXPECT_THAT(loader_.mistakes("[[route]]\npath = \"/a\"\n"),
              ElementsAre(AllOf(StartsWith("FILE:1: route.name"), HasSubstr("accepted"))));
  EXPECT_THAT(loader_.mistakes("[[route]]\nname = \"a\"\n"), ElementsAre(StartsWith("FILE:1: route.path")));
  EXPECT_THAT(loader_.mistakes("[[route]]\nname = \"a\"\npath = \"/a/../b\"\n"),
              ElementsAre(StartsWith("FILE:1: route.path")));
  EXPECT_THAT(loader_.mistakes("[[route]]\nname = \"a\"\npath = \"/a\"\nmethods = [\"HEAD\"]\n"),
              ElementsAre(StartsWith("FILE:1: route.methods")));
  EXPECT_THAT(loader_.mistakes("[[route]]\nname = \"a\"\npath = \"/a\"\nmethods = []\n"),
              ElementsAre(StartsWith("FILE:1: route.methods")));
}

TEST_F(TablesTest, NothingThatCouldWriteGoesOutWithTheSharedToken) {
  EXPECT_THAT(
      loader_.mistakes("[[route]]\nname = \"a\"\npath = \"/a\"\nmethods = [\"POST\"]\ncache = \"off\"\n"),
      ElementsAre(AllOf(StartsWith("FILE:1: route.methods"), HasSubstr("inject_token"))));
  EXPECT_THAT(loader_.mistakes("[[route]]\nname = \"a\"\npath = \"/a\"\nmethods = [\"POST\"]\ncache = "
                               "\"off\"\ninject_token = false\n"),
              IsEmpty());
}

TEST_F(TablesTest, ARoutesNameIsItsOwn) {
  EXPECT_THAT(
      loader_.mistakes("[[route]]\nname = \"a\"\npath = \"/a\"\n\n[[route]]\nname = \"a\"\npath = \"/b\"\n"),
      ElementsAre(StartsWith("FILE:5: route.name = \"a\": ")));
  EXPECT_THAT(loader_.mistakes("[[route]]\nname = \"token\"\npath = \"/a\"\n"),
              ElementsAre(StartsWith("FILE:1: route.name = \"token\": ")));
}

TEST_F(TablesTest, AMethodOfAPathHasOneRoute) {
  EXPECT_THAT(
      loader_.mistakes("[[route]]\nname = \"a\"\npath = \"/a\"\n\n[[route]]\nname = \"b\"\npath = \"/a\"\n"),
      ElementsAre(AllOf(StartsWith("FILE:5: route.path = \"/a\": "), HasSubstr("route a"))));
  EXPECT_THAT(
      loader_.mistakes("[[route]]\nname = \"a\"\npath = \"/auth/oauth2/token\"\nmethods = [\"POST\"]\n"
                       "cache = \"off\"\ninject_token = false\n"),
      ElementsAre(AllOf(StartsWith("FILE:1: route.path"), HasSubstr("route token"))))
      << "nobody takes the place of that one";
  EXPECT_THAT(loader_.mistakes("[[route]]\nname = \"a\"\npath = \"/a\"\n"
                               "[[route]]\nname = \"b\"\npath = \"/a\"\nmethods = [\"POST\"]\ncache = "
                               "\"off\"\ninject_token = false\n"),
              IsEmpty())
      << "other methods of a path may have another";
}

/// A file was right when it was written, and its route has been built in since.
TEST_F(TablesTest, ARouteMayHaveThePathOrTheNameOfABuiltInOne) {
  for (const auto* const route :
       {"name = \"account-summary\"\npath = \"/reporting/accounts/{accountId}/summary\"\n",
        "name = \"mine\"\npath = \"/reporting/accounts/{id}/summary\"\n",
        "name = \"account-summary\"\npath = \"/mine\"\n"}) {
    const auto settings = loader_.load(std::string("[[route]]\n") + route + "cache = \"http\"\n");
    ASSERT_TRUE(settings) << settings.error().context;
    EXPECT_EQ(settings->routes.size(), 1U);
  }
}

// The name of a placeholder changes nothing in what a path matches: the second route would never be reached.
TEST_F(TablesTest, APlaceholdersNameMakesNoOtherPath) {
  EXPECT_THAT(loader_.mistakes("[[route]]\nname = \"a\"\npath = \"/a/{x}/{y...}\"\n[[route]]\nname = "
                               "\"b\"\npath = \"/a/{y}/{x...}\"\n"),
              ElementsAre(StartsWith("FILE:4: route.path")));
  EXPECT_THAT(
      loader_.mistakes(
          "[[route]]\nname = \"a\"\npath = \"/a/{x}\"\n[[route]]\nname = \"b\"\npath = \"/a/{x...}\"\n"),
      IsEmpty())
      << "a rest is not a segment";
}

}  // namespace
}  // namespace roktcached::config
