#include "server/access/browser_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <utility>
#include <vector>

namespace roktcached::access {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::vector<std::string> allowed = {"https://bi.example.com", "http://localhost:3000"};

http::Fields fields_of(std::initializer_list<std::pair<const char*, const char*>> lines) {
  http::Fields fields;
  for (const auto& [name, value] : lines) fields.add(name, value);
  return fields;
}

/// The origin that may read the answer, or "forbidden".
std::string reader(std::initializer_list<std::pair<const char*, const char*>> lines, bool encrypted = false,
                   const std::vector<std::string>& origins = allowed) {
  const auto found = reading_origin("GET", fields_of(lines), encrypted, origins);
  if (found) return std::string(*found);
  EXPECT_EQ(found.error().code, ErrorCode::forbidden);
  EXPECT_FALSE(found.error().retryable);
  return "forbidden";
}

TEST(ReadingOrigin, IsNoneWhereNoPageAsks) {
  EXPECT_EQ(reader({}), "");
  EXPECT_EQ(reader({{"Host", "localhost:8080"}}), "");
  EXPECT_EQ(reader({{"Sec-Fetch-Site", "none"}}), "") << "typed into the address bar";
  EXPECT_EQ(reader({{"sec-fetch-site", "Same-Origin"}}), "");
}

TEST(ReadingOrigin, IsForbiddenToPagesElsewhere) {
  for (const char* server :
       {"cross-site", "same-site", "Cross-Site", "", "something-new", "none, cross-site"})
    EXPECT_EQ(reader({{"Sec-Fetch-Site", server}}), "forbidden") << server;
  for (const char* origin :
       {"https://evil.example", "null", "", "https://bi.example.com.evil.example", "https://bi.example.co",
        "http://bi.example.com", "https://bi.example.com:8443", "https://bi.example.com/",
        "https://bi.example.com, https://bi.example.com", "bi.example.com"})
    EXPECT_EQ(reader({{"Host", "localhost:8080"}, {"Origin", origin}}), "forbidden") << origin;
}

TEST(ReadingOrigin, IsForbiddenByAnyOfSeveralLines) {
  EXPECT_EQ(reader({{"Sec-Fetch-Site", "none"}, {"Sec-Fetch-Site", "cross-site"}}), "forbidden");
  EXPECT_EQ(reader({{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "none"}}), "forbidden");
  EXPECT_EQ(reader({{"Origin", "https://bi.example.com"}, {"Origin", "https://evil.example"}}), "forbidden");
  EXPECT_EQ(reader({{"Origin", "https://bi.example.com"}, {"Origin", "https://bi.example.com"}}),
            "forbidden");
}

TEST(ReadingOrigin, IsTheAllowedOneWherever) {
  for (const char* server : {"cross-site", "same-site", "same-origin"}) {
    EXPECT_EQ(reader({{"Origin", "https://bi.example.com"}, {"Sec-Fetch-Site", server}}),
              "https://bi.example.com")
        << server;
  }
  EXPECT_EQ(reader({{"origin", "http://localhost:3000"}}), "http://localhost:3000");
  EXPECT_EQ(reader({{"Origin", "https://bi.example.com"}}, false, {}), "forbidden")
      << "none is allowed by default";
}

TEST(ReadingOrigin, OutlivesTheRequest) {
  const auto found = reading_origin("GET", fields_of({{"Origin", "https://bi.example.com"}}), false, allowed);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->data(), allowed[0].data());
}

TEST(ReadingOrigin, IsNoneForTheListenersOwnPages) {
  EXPECT_EQ(reader({{"Host", "localhost:8080"}, {"Origin", "http://localhost:8080"}}), "");
  EXPECT_EQ(reader({{"Host", "LocalHost:8080"}, {"Origin", "http://localhost:8080"}}), "");
  EXPECT_EQ(reader({{"Host", "localhost:8443"}, {"Origin", "https://localhost:8443"}}, true), "");
  EXPECT_EQ(reader({{"Host", "[::1]:8080"}, {"Origin", "http://[::1]:8080"}}), "");
}

TEST(ReadingOrigin, IsForbiddenToAnotherSchemeOrPortOfTheSameHost) {
  EXPECT_EQ(reader({{"Host", "localhost:8080"}, {"Origin", "http://localhost:8081"}}), "forbidden");
  EXPECT_EQ(reader({{"Host", "localhost:8080"}, {"Origin", "https://localhost:8080"}}), "forbidden");
  EXPECT_EQ(reader({{"Host", "localhost:8443"}, {"Origin", "http://localhost:8443"}}, true), "forbidden");
  EXPECT_EQ(reader({{"Origin", "http://localhost:8080"}}), "forbidden") << "nothing is own without a Host";
}

TEST(ReadingOrigin, IsForbiddenToOnesOwnOriginThatComesFromElsewhere) {
  EXPECT_EQ(reader({{"Host", "localhost:8080"},
                    {"Origin", "http://localhost:8080"},
                    {"Sec-Fetch-Site", "cross-site"}}),
            "forbidden");
}

using Lines = std::vector<std::pair<const char*, const char*>>;

/// The fields of a browser that follows a link on a page of another site, with some of them changed;
/// an empty value: not said.
http::Fields followed_link(const Lines& changes = {}) {
  Lines said = {{"Host", "localhost:8080"},
                {"Sec-Fetch-Site", "cross-site"},
                {"Sec-Fetch-Mode", "navigate"},
                {"Sec-Fetch-Dest", "document"},
                {"Sec-Fetch-User", "?1"}};
  for (const auto& change : changes) {
    const auto known = std::ranges::find(said, std::string_view(change.first),
                                         [](const auto& line) { return std::string_view(line.first); });
    known == said.end() ? said.push_back(change) : void(known->second = change.second);
  }
  http::Fields fields;
  for (const auto& [name, value] : said) {
    if (*value != '\0') fields.add(name, value);
  }
  return fields;
}

std::string reader_of_link(std::string_view method, const http::Fields& fields) {
  const auto found = reading_origin(method, fields, false, allowed);
  return found ? std::string(*found) : "forbidden";
}

TEST(ReadingOrigin, IsNoneForALinkThatIsFollowed) {
  EXPECT_EQ(reader_of_link("GET", followed_link()), "");
  EXPECT_EQ(reader_of_link("HEAD", followed_link()), "");
  EXPECT_EQ(reader_of_link("GET", followed_link({{"Sec-Fetch-Site", "same-site"}})), "");
  EXPECT_EQ(reader_of_link("GET", followed_link({{"Sec-Fetch-User", ""}})), "")
      << "not every browser says it";
}

TEST(ReadingOrigin, IsForbiddenToWhateverElseAPageHasItsBrowserLoad) {
  for (const char* method : {"POST", "OPTIONS", "PUT", "DELETE", "get"})
    EXPECT_EQ(reader_of_link(method, followed_link()), "forbidden") << method;
  for (const char* destination : {"", "iframe", "frame", "embed", "object", "fencedframe", "empty", "image",
                                  "script", "documents", "document, iframe"})
    EXPECT_EQ(reader_of_link("GET", followed_link({{"Sec-Fetch-Dest", destination}})), "forbidden")
        << destination;
  for (const char* mode : {"", "no-cors", "cors", "same-origin", "nested-navigate", "websocket"})
    EXPECT_EQ(reader_of_link("GET", followed_link({{"Sec-Fetch-Mode", mode}})), "forbidden") << mode;
  EXPECT_EQ(reader_of_link("GET", followed_link({{"Sec-Purpose", "prefetch"}})), "forbidden");
  EXPECT_EQ(reader_of_link("GET", followed_link({{"Sec-Purpose", "prefetch;prerender"}})), "forbidden");
  EXPECT_EQ(reader_of_link("GET", followed_link({{"Purpose", "prefetch"}})), "forbidden");
  for (const char* origin : {"null", "https://evil.example"})
    EXPECT_EQ(reader_of_link("GET", followed_link({{"Origin", origin}})), "forbidden") << origin;
  for (const char* name : {"Sec-Fetch-Mode", "Sec-Fetch-Dest"}) {
    http::Fields twice = followed_link();
    twice.add(name, "iframe");
    EXPECT_EQ(reader_of_link("GET", twice), "forbidden") << name;
  }
}

std::string lines(std::string_view origin, bool any_allowed) {
  std::string head = "Before: it\r\n";
  add_browser_fields(head, origin, any_allowed);
  EXPECT_TRUE(head.starts_with("Before: it\r\n"));
  EXPECT_TRUE(head.ends_with("\r\n"));
  EXPECT_THAT(head, HasSubstr("X-Content-Type-Options: nosniff\r\n"));
  return head;
}

TEST(BrowserFields, KeepTheAnswerToItsOrigin) {
  const std::string plain = lines("", false);
  EXPECT_THAT(plain, HasSubstr("Cross-Origin-Resource-Policy: same-origin\r\n"));
  EXPECT_THAT(plain, Not(HasSubstr("Access-Control-")));
  EXPECT_THAT(plain, Not(HasSubstr("Vary")));
}

TEST(BrowserFields, SayThatAnotherOriginWouldGetAnotherAnswer) {
  const std::string varying = lines("", true);
  EXPECT_THAT(varying, HasSubstr("Vary: Origin\r\n"));
  EXPECT_THAT(varying, HasSubstr("Cross-Origin-Resource-Policy: same-origin\r\n"));
  EXPECT_THAT(varying, Not(HasSubstr("Access-Control-")));
}

TEST(BrowserFields, LetAnAllowedOriginReadWithoutCredentials) {
  const std::string readable = lines("https://bi.example.com", true);
  EXPECT_THAT(readable, HasSubstr("Access-Control-Allow-Origin: https://bi.example.com\r\n"));
  EXPECT_THAT(readable, HasSubstr("Cross-Origin-Resource-Policy: cross-origin\r\n"));
  EXPECT_THAT(readable, HasSubstr("Vary: Origin\r\n"));
  EXPECT_THAT(readable, HasSubstr("Access-Control-Expose-Headers: Age, Cache-Status, "));
  EXPECT_THAT(readable, Not(HasSubstr("same-origin")));
  EXPECT_THAT(readable, Not(HasSubstr("Allow-Credentials")));
}

TEST(Preflight, IsAnOptionsOfAnAllowedOriginThatNamesAMethod) {
  const auto asking = fields_of({{"Access-Control-Request-Method", "GET"}});
  EXPECT_TRUE(is_preflight("OPTIONS", "https://bi.example.com", asking));
  EXPECT_FALSE(is_preflight("OPTIONS", "", asking)) << "no other origin asks";
  EXPECT_FALSE(is_preflight("GET", "https://bi.example.com", asking));
  EXPECT_FALSE(is_preflight("options", "https://bi.example.com", asking)) << "methods have case";
  EXPECT_FALSE(is_preflight("OPTIONS", "https://bi.example.com", {}));
}

TEST(Preflight, IsToldWhatMayBeSent) {
  const std::string told = preflight_fields({}, "GET, HEAD, PUT");
  EXPECT_THAT(told, HasSubstr("Access-Control-Allow-Methods: GET, HEAD, PUT\r\n"));
  EXPECT_THAT(told, HasSubstr("If-Match"));
  EXPECT_THAT(told, HasSubstr("Authorization"));
  EXPECT_THAT(told, HasSubstr("X-API-Key"));
  EXPECT_THAT(told, Not(HasSubstr("Allow-Credentials")));
  EXPECT_THAT(told, Not(HasSubstr("Private-Network"))) << "only where it was asked for";
  EXPECT_THAT(preflight_fields(fields_of({{"Access-Control-Request-Private-Network", "true"}}), "GET"),
              HasSubstr("Access-Control-Allow-Private-Network: true\r\n"));
}

}  // namespace
}  // namespace roktcached::access
