#include "core/http/request_override.h"

#include <gtest/gtest.h>

namespace roktcached::http {
namespace {

TEST(RequestOverride, IsAFieldThatNamesAnotherMethod) {
  for (const char* name :
       {"X-HTTP-Method-Override", "x-http-method-override", "X-HTTP-Method", "X-Method-Override", "X-Method",
        "X-Original-Method", "X-Forwarded-Method", "X-Override-Method", "X-HTTP-Verb", "HTTP-Method",
        "X-Http-Override", "X-Envoy-Original-Method", "X-Action", "SOAPAction", "Destination", "X-Operation",
        "X-Command", "Action"})
    EXPECT_TRUE(may_override_request(name)) << name;
}

TEST(RequestOverride, IsAFieldThatNamesAnotherTargetOrHost) {
  for (const char* name : {"X-Original-URL",        "X-Rewrite-URL",
                           "X-Original-URI",        "X-Rewrite-URI",
                           "X-Forwarded-Uri",       "X-Forwarded-Path",
                           "X-Forwarded-Prefix",    "X-Forwarded-Url",
                           "X-Request-URI",         "Request-URI",
                           "X-Override-URL",        "X-Original-Path",
                           "X-Envoy-Original-Path", "X-Script-Name",
                           "Script-Name",           "X-HTTP-DestinationURL",
                           "X-HTTP-Path-Override",  "X-WAWS-Unencoded-URL",
                           "X-Path-Info",           "Base-Url",
                           "X-Forwarded-Host",      "X-Forwarded-Server",
                           "X-Original-Host",       "X-Host",
                           "X-HTTP-Host-Override",  "Forwarded"})
    EXPECT_TRUE(may_override_request(name)) << name;
}

TEST(RequestOverride, IsOneWhoseWordsAreNotSetApart) {
  for (const char* name : {"X-MethodOverride", "XMethodOverride", "x-httpmethodoverride", "X-HTTP-Overide",
                           "X-OriginalURL", "XOriginalURL", "X-RewriteURL", "X-RequestPath"})
    EXPECT_TRUE(may_override_request(name)) << name;
}

TEST(RequestOverride, IsANameThatAServerMayFoldIntoAnother) {
  for (const char* name : {"X_HTTP_METHOD_OVERRIDE", "X-HTTP_Method-Override", "Content_Length", "a_b", "_",
                           "a.b", "a~b", "a!b", "x-original.url"})
    EXPECT_TRUE(may_override_request(name)) << name;
}

TEST(RequestOverride, IsNoUsualField) {
  for (const char* name : {"Accept",           "Accept-Encoding", "Accept-Language", "User-Agent",
                           "Cookie",           "Cache-Control",   "If-Match",        "Range",
                           "Referer",          "Origin",          "Content-Type",    "traceparent",
                           "rokt-version",     "X-Request-Id",    "X-Forwarded-For", "X-Forwarded-Proto",
                           "x-forwarded-port", "X-Custom",        "Sec-Fetch-Mode",  "Via",
                           "X-Hostile",        "X-Curly"})
    EXPECT_FALSE(may_override_request(name)) << name;
}

}  // namespace
}  // namespace roktcached::http
