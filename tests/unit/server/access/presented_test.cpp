#include "server/access/presented.h"

#include <gtest/gtest.h>

#include "tests/unit/server/access/examples.h"

namespace roktcached::access {
namespace {

using Kind = Presented::Kind;

struct Taken {
  std::string target;
  std::optional<std::string> key;
  bool refused = false;

  friend bool operator==(const Taken&, const Taken&) = default;
};
std::ostream& operator<<(std::ostream& out, const Taken& taken) {
  return out << taken.target << " " << taken.key.value_or("-") << (taken.refused ? " refused" : "");
}

Taken take(std::string target) {
  auto key = take_api_key(target);
  if (!key) {
    EXPECT_EQ(key.error().code, ErrorCode::invalid_request);
    EXPECT_EQ(key.error().context.find("SECRET"), std::string::npos);
    return {target, std::nullopt, true};
  }
  return {target, *key ? std::optional((*key)->reveal()) : std::nullopt, false};
}

TEST(ApiKey, IsCutOutOfTheTarget) {
  EXPECT_EQ(take("/x?api_key=S"), (Taken{"/x", "S"}));
  EXPECT_EQ(take("/x?api_key=S&a=1"), (Taken{"/x?a=1", "S"}));
  EXPECT_EQ(take("/x?a=1&api_key=S"), (Taken{"/x?a=1", "S"}));
  EXPECT_EQ(take("/x?a=1&api_key=S&b=2"), (Taken{"/x?a=1&b=2", "S"}));
  EXPECT_EQ(take("/x?a=1&b=2&api_key=S&c=3&d=4"), (Taken{"/x?a=1&b=2&c=3&d=4", "S"}));
}

TEST(ApiKey, LeavesTheRestByteForByte) {
  EXPECT_EQ(take("/%78?%61=%20&&api_key=S&b=+%2B"), (Taken{"/%78?%61=%20&&b=+%2B", "S"}));
  EXPECT_EQ(take("/x?&api_key=S&a=1"), (Taken{"/x?&a=1", "S"}));
  EXPECT_EQ(take("/x?api_key=S&"), (Taken{"/x", "S"}));
  for (const char* target : {"/x", "/x?", "/x?a=1", "/x?&", "/api_key=S", "/x?a=api_key=S", "/x?api_keys=S",
                             "/x?api_ke=S", "/x?API_KEY=S", "/x?xapi_key=S", "/x?api%5Gkey=S",
                             "/x?api_key%=S", "/x?api_key%", "/x?%", "/x?api_key%00=S", "", "?"})
    EXPECT_EQ(take(target), (Taken{target, std::nullopt})) << target;
}

TEST(ApiKey, IsKnownByItsDecodedName) {
  for (const char* target :
       {"/x?%61pi_key=S", "/x?api%5Fkey=S", "/x?api%5fkey=S", "/x?api_ke%79=S", "/x?%61%70%69%5f%6b%65%79=S"})
    EXPECT_EQ(take(target), (Taken{"/x", "S"})) << target;
  EXPECT_EQ(take("/x?api%255fkey=S"), (Taken{"/x?api%255fkey=S", std::nullopt})) << "decoded once";
}

TEST(ApiKey, ItsValueIsDecoded) {
  EXPECT_EQ(take("/x?api_key=a%2Bb%3Dc%3a+d=e"), (Taken{"/x", "a+b=c:+d=e"}));
  EXPECT_EQ(take("/x?api_key="), (Taken{"/x", ""}));
  EXPECT_EQ(take("/x?api_key"), (Taken{"/x", ""})) << "shown, and wrong";
}

TEST(ApiKey, ThatIsRefusedIsCutOutAllTheSame) {
  EXPECT_EQ(take("/x?api_key=SECRET&api_key=SECRET"), (Taken{"/x", std::nullopt, true}));
  EXPECT_EQ(take("/x?api_key=SECRET&a=1&%61pi_key=T&b"), (Taken{"/x?a=1&b", std::nullopt, true}));
  EXPECT_EQ(take("/x?api_key&api_key&api_key"), (Taken{"/x", std::nullopt, true}));
  for (const char* value :
       {"SECRET%", "SECRET%2", "SECRET%zz", "%%", "SECRET|", "<SECRET>", "SECRET#", "SECRET\\"})
    EXPECT_EQ(take(std::string("/x?a=1&api_key=") + value), (Taken{"/x?a=1", std::nullopt, true})) << value;
}

TEST(ApiKey, NothingOfItStaysBehindTheTarget) {
  std::string target = "/x?a=1&api_key=SECRET-SECRET-SECRET-SECRET";
  const char* const memory = target.data();
  const std::size_t size = target.size();
  ASSERT_TRUE(take_api_key(target));
  ASSERT_EQ(target.data(), memory);
  ASSERT_GE(target.capacity(), size);
  const std::string_view behind(memory + target.size() + 1, size - target.size() - 1);
  EXPECT_EQ(behind.find_first_not_of('\0'), std::string_view::npos);
}

TEST(TellingFields, AreRemovedOnEveryLine) {
  http::Fields fields;
  fields.add("Referer", "http://a/");
  fields.add("Referer", "http://a/?api_key=b");
  remove_telling_fields(fields);
  EXPECT_FALSE(fields.contains("Referer"));
}

/// Servers before this one repeat the target that they were asked for in these.
TEST(TellingFields, AreNotTheReferersAlone) {
  http::Fields fields;
  fields.add("Accept", "*/*");
  for (const char* name : {"X-Original-URI", "X-Rewrite-URL", "X-Forwarded-Uri"})
    fields.add(name, "/files/a?x=1&api_key=S");
  fields.add("X-Query", "a?b=%20c");
  remove_telling_fields(fields);
  EXPECT_EQ(fields.to_lines(), "Accept: */*\r\nX-Query: a?b=%20c\r\n");
}

TEST(TellingFields, AreThoseThatShowAnApiKey) {
  for (const auto& [referer, stays] :
       {std::pair("http://localhost/x?a=1", true), std::pair("", true),
        std::pair("http://localhost/x?api_key=S", false),
        std::pair("http://localhost/x?a=%20&%61pi_key=S#b", false),
        std::pair("/x?api_key=S&api_key=S", false), std::pair("?api_key=%", false),
        // A relative reference (RFC 9110, section 10.1.3), in each of its forms.
        std::pair("/x?api_key=S", false), std::pair("x?api_key=S", false), std::pair("../x?api_key=S", false),
        std::pair("?api_key=S", false), std::pair("//localhost/x?api_key=S", false),
        std::pair("/x?a=1&api_key=", false), std::pair("/x?api_key", false), std::pair("/x?a=1", true),
        std::pair("x?api_keys=S", true), std::pair("api_key=S", true)}) {
    http::Fields fields;
    fields.add("Referer", referer);
    fields.add("Accept", "*/*");
    remove_telling_fields(fields);
    EXPECT_EQ(fields.contains("Referer"), stays) << referer;
    EXPECT_TRUE(fields.contains("Accept"));
  }
}

class Shown : public testing::Test {
 protected:
  Presented shown() {
    const auto presented = present(fields, key);
    EXPECT_TRUE(presented);
    return presented ? *presented : Presented{};
  }
  void authorization(std::string_view value) {
    fields = {};
    fields.add("Authorization", value);
  }
  [[nodiscard]] bool refused() const {
    const auto presented = present(fields, key);
    return !presented && presented.error().code == ErrorCode::invalid_request;
  }

  http::Fields fields;
  std::optional<config::Secret> key;
};

TEST_F(Shown, Nothing) {
  EXPECT_TRUE(shown().shows_nothing());
}

TEST_F(Shown, AnApiKeyInAFieldOrInTheTarget) {
  fields.add("x-api-KEY", "S");
  EXPECT_EQ(shown().kind, Kind::api_key);
  EXPECT_EQ(shown().text, "S");
  fields = {};
  key = config::Secret("T");
  EXPECT_EQ(shown().kind, Kind::api_key);
  EXPECT_EQ(shown().text, "T");
}

TEST_F(Shown, AnApiKeyCountsBeforeAuthorization) {
  fields.add("Authorization", "Basic !!!");
  fields.add("Authorization", "Basic again");
  fields.add("X-API-Key", "S");
  EXPECT_EQ(shown().kind, Kind::api_key);
}

TEST_F(Shown, MoreThanOneApiKeyIsRefused) {
  fields.add("X-API-Key", "S");
  key = config::Secret("S");
  EXPECT_TRUE(refused()) << "even where they are the same";
  key.reset();
  EXPECT_FALSE(refused());
  fields.add("x-api-key", "S");
  EXPECT_TRUE(refused());
}

TEST_F(Shown, MoreThanOneAuthorizationIsRefused) {
  fields.add("Authorization", "Basic YTpi");
  fields.add("authorization", "Basic YTpi");
  EXPECT_TRUE(refused());
}

TEST_F(Shown, ANameAndSecret) {
  for (const char* value : {"Basic YTpi", "basic YTpi", "BASIC   YTpi "}) {
    authorization(value);
    EXPECT_EQ(shown().kind, Kind::basic) << value;
    EXPECT_EQ(shown().text, "YTpi") << value;
  }
}

TEST_F(Shown, ALocalToken) {
  authorization("Bearer local.a.b.c");
  EXPECT_EQ(shown().kind, Kind::local_token);
  EXPECT_EQ(shown().text, "local.a.b.c");
}

TEST_F(Shown, WhatNobodyHereCanHaveGiven) {
  const std::string long_token = "Bearer local." + std::string(3000, 'a');
  for (const char* value : {"", "Basic", "Basic ", "BasicYTpi", "Bearer", "Digest a", "local.a.b.c"}) {
    authorization(value);
    EXPECT_EQ(shown().kind, Kind::other) << value;
  }
  for (const char* value : {"Bearer eyJhbGciOiJIUzI1NiJ9.e30.x", "bearer LOCAL.a.b.c", long_token.c_str()}) {
    authorization(value);
    EXPECT_EQ(shown().kind, Kind::foreign_token) << value;
  }
  fields = {};
  fields.add("X-API-Key", "");
  EXPECT_EQ(shown().kind, Kind::other) << "an empty one is shown, too";
}

TEST_F(Shown, IsLookedIntoUpToItsBound) {
  constexpr std::size_t longest = 2048;
  fields.add("X-API-Key", std::string(longest, 'a'));
  EXPECT_EQ(shown().kind, Kind::api_key);
  fields.set("X-API-Key", std::string(longest + 1, 'a'));
  EXPECT_EQ(shown().kind, Kind::other);
  const std::string token = "local." + std::string(longest - 6, 'a');
  authorization("Bearer " + token);
  EXPECT_EQ(shown().kind, Kind::local_token);
  authorization("Bearer " + token + "a");
  EXPECT_EQ(shown().kind, Kind::foreign_token);
}

TEST(Pair, IsSplitAtTheFirstColon) {
  const auto pair = split_pair("name:a:b");
  ASSERT_TRUE(pair);
  EXPECT_EQ(pair->name, "name");
  EXPECT_EQ(pair->secret, "a:b");
  EXPECT_FALSE(split_pair("name"));
  const auto basic = decode_basic(base64("name:secret?"));
  ASSERT_TRUE(basic);
  EXPECT_EQ(basic->reveal(), "name:secret?");
  EXPECT_FALSE(decode_basic("!!!"));
}

}  // namespace
}  // namespace roktcached::access
