#include "server/http/request_target.h"

#include <gtest/gtest.h>

namespace roktcached::http {
namespace {

struct Asked {
  std::string_view target;
  bool encrypted = false;
  std::string_view method = "GET";
};

/// The target that is routed and its authority, or why nothing is routed.
std::string routed(const Asked& asked) {
  std::string origin_form;
  const auto authority = read_target(asked.method, asked.target, asked.encrypted, origin_form);
  if (!authority) return authority.error().context;
  return std::string(*authority) + " " + origin_form;
}

ErrorCode refusal(const Asked& asked) {
  std::string origin_form;
  const auto read = read_target(asked.method, asked.target, asked.encrypted, origin_form);
  return read ? ErrorCode::internal : read.error().code;
}

TEST(RequestTarget, OfOriginFormIsTakenAsItIs) {
  for (const char* target :
       {"/", "/a?b=c", "/?", "//evil.example/x", "/http://evil.example/", "/*", "/a%2Fb"})
    EXPECT_EQ(routed({target}), std::string(" ") + target);
}

/// RFC 9112, section 3.2.2: the authority is judged as a Host is, elsewhere.
TEST(RequestTarget, OfAbsoluteFormIsRoutedByItsPathAndNamesTheServer) {
  EXPECT_EQ(routed({"http://localhost:8080/a?b=c"}), "localhost:8080 /a?b=c");
  EXPECT_EQ(routed({"HTTP://LocalHost:8080/A"}), "LocalHost:8080 /A") << "a scheme has no case, paths have";
  EXPECT_EQ(routed({"http://localhost:8080"}), "localhost:8080 /");
  EXPECT_EQ(routed({"http://localhost:8080?b=c"}), "localhost:8080 /?b=c");
  EXPECT_EQ(routed({"http://localhost:8080//x"}), "localhost:8080 //x");
  EXPECT_EQ(routed({"http://[::1]:80/"}), "[::1]:80 /");
  EXPECT_EQ(routed({"http://user@localhost/"}), "user@localhost /");
  EXPECT_EQ(routed({"https://localhost:8443/a", true}), "localhost:8443 /a");
}

TEST(RequestTarget, MustBeOfTheListenersScheme) {
  EXPECT_EQ(refusal({"https://localhost:8080/"}), ErrorCode::invalid_request);
  EXPECT_EQ(refusal({"http://localhost:8443/", true}), ErrorCode::invalid_request);
  for (const char* target : {"ftp://localhost:8080/", "file:///etc/passwd", "http:/localhost:8080/",
                             "http:///", "http://", "http:", "://localhost:8080/", "javascript:0"})
    EXPECT_EQ(refusal({target}), ErrorCode::invalid_request) << target;
}

TEST(RequestTarget, OfTheServerAsAWholeIsForOptionsAlone) {
  EXPECT_EQ(refusal({.target = "*", .method = "OPTIONS"}), ErrorCode::method_not_allowed);
  EXPECT_EQ(routed({.target = "*", .method = "OPTIONS"}), "GET, HEAD, POST") << "the value for Allow";
  for (const char* method : {"GET", "POST", "options"})
    EXPECT_EQ(refusal({.target = "*", .method = method}), ErrorCode::invalid_request) << method;
  EXPECT_EQ(refusal({.target = "**", .method = "OPTIONS"}), ErrorCode::invalid_request);
}

TEST(RequestTarget, IsInDoubtWhereAnotherServerMayReadAnother) {
  for (const char* method : {"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"})
    EXPECT_TRUE(is_beyond_doubt(method, "/a%2Fb?c=[d]")) << method;
  for (const char* method : {"get", "Get", "TRACE", "CONNECT", "PRI", "FOO", ""})
    EXPECT_FALSE(is_beyond_doubt(method, "/a")) << method;
  for (const char* target :
       {"/a#b", "/a|b", "/a\\b", "/<a>", "/a?b=\"c\"", "/a?{b}", "/a^", "/`", "/%", "/a?b=%4", "/%zz"})
    EXPECT_FALSE(is_beyond_doubt("GET", target)) << target;
}

TEST(RequestTarget, IsNoAuthorityAndNoRelativeReference) {
  for (const char* target : {"localhost:8080", "localhost", "", "a/b", "?a=b", "#", "\\", "../x"}) {
    EXPECT_EQ(refusal({target}), ErrorCode::invalid_request) << target;
    EXPECT_EQ(refusal({.target = target, .method = "CONNECT"}), ErrorCode::invalid_request) << target;
  }
}

}  // namespace
}  // namespace roktcached::http
