#include "server/inbound/request_target.h"

#include <gtest/gtest.h>

namespace roktcached::inbound {
namespace {

struct Asked {
  std::string_view target;
  std::string_view host = "localhost:8080";
  bool encrypted = false;
  std::string_view method = "GET";
};

/// What is routed, or why nothing is.
std::string routed(const Asked& asked, bool absolute) {
  std::string origin_form;
  const auto was_absolute = read_target(asked.method, asked.target, asked.host, asked.encrypted, origin_form);
  if (!was_absolute) return was_absolute.error().context;
  EXPECT_EQ(*was_absolute, absolute);
  return origin_form;
}

ErrorCode refusal(const Asked& asked) {
  std::string origin_form;
  const auto read = read_target(asked.method, asked.target, asked.host, asked.encrypted, origin_form);
  return read ? ErrorCode::internal : read.error().code;
}

TEST(RequestTarget, OfOriginFormIsTakenAsItIs) {
  for (const char* target :
       {"/", "/a?b=c", "/?", "//evil.example/x", "/http://evil.example/", "/*", "/a%2Fb"}) {
    EXPECT_EQ(routed({target}, false), target);
    EXPECT_EQ(routed({.target = target, .host = ""}, false), target) << "the Host is judged elsewhere";
  }
}

TEST(RequestTarget, OfAbsoluteFormIsRoutedByItsPath) {
  EXPECT_EQ(routed({"http://localhost:8080/a?b=c"}, true), "/a?b=c");
  EXPECT_EQ(routed({"HTTP://LocalHost:8080/A"}, true), "/A") << "scheme and host have no case, paths have";
  EXPECT_EQ(routed({"http://localhost:8080"}, true), "/");
  EXPECT_EQ(routed({"http://localhost:8080?b=c"}, true), "/?b=c");
  EXPECT_EQ(routed({"http://localhost:8080//x"}, true), "//x");
  EXPECT_EQ(routed({"http://[::1]:80/", "[::1]:80"}, true), "/");
  EXPECT_EQ(routed({"https://localhost:8443/a", "localhost:8443", true}, true), "/a");
}

TEST(RequestTarget, MustNameTheServerThatHostNames) {
  for (const char* target :
       {"http://evil.example/", "http://localhost/", "http://localhost:80/",
        "http://localhost:8080.evil.example/", "http://user@localhost:8080/",
        "http://localhost:8080@evil.example/", "http://localhost:8080#/", "http://localhost:8080\\evil/"})
    EXPECT_EQ(refusal({target}), ErrorCode::invalid_request) << target;
  EXPECT_EQ(refusal({"http://localhost:8080/", ""}), ErrorCode::invalid_request) << "HTTP/1.0 without Host";
}

TEST(RequestTarget, MustBeOfTheListenersScheme) {
  EXPECT_EQ(refusal({"https://localhost:8080/"}), ErrorCode::invalid_request);
  EXPECT_EQ(refusal({"http://localhost:8443/", "localhost:8443", true}), ErrorCode::invalid_request);
  for (const char* target : {"ftp://localhost:8080/", "file:///etc/passwd", "http:/localhost:8080/",
                             "http:///", "http://", "http:", "://localhost:8080/", "javascript:0"})
    EXPECT_EQ(refusal({target}), ErrorCode::invalid_request) << target;
}

TEST(RequestTarget, OfTheServerAsAWholeIsForOptionsAlone) {
  EXPECT_EQ(refusal({.target = "*", .method = "OPTIONS"}), ErrorCode::method_not_allowed);
  EXPECT_EQ(routed({.target = "*", .method = "OPTIONS"}, false), "GET, HEAD, POST") << "the value for Allow";
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
}  // namespace roktcached::inbound
