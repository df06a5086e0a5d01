#include "server/access/caller.h"

#include <gtest/gtest.h>

#include "core/base64.h"

namespace roktcached::access {
namespace {

std::string caller(std::string_view authorization) {
  http::Fields fields;
  fields.add("Authorization", authorization);
  return caller_of(fields, "", "10.0.0.1");
}

TEST(Caller, IsTheIdOfBasicElseTheAddress) {
  EXPECT_EQ(caller_of({}, "", "10.0.0.1"), "10.0.0.1");
  EXPECT_EQ(caller("Basic dGFibGVhdTpzZWNyZXQ="), "tableau");
  EXPECT_EQ(caller("basic dGFibGVhdTpzZWNyZXQ="), "tableau") << "schemes have no case";
  EXPECT_EQ(caller("Basic dGFibGVhdQ=="), "tableau") << "also without a secret";
}

TEST(Caller, IsTheIdThatALocalTokenWasGivenTo) {
  EXPECT_EQ(caller("Bearer " + local_token_for("tableau")), "tableau");
  EXPECT_EQ(caller("Bearer " + local_token_for("a.b-c_1")), "a.b-c_1");
  EXPECT_EQ(caller("Bearer " + local_token_for("")), "10.0.0.1");
  EXPECT_NE(local_token_for("tableau"), local_token_for("tableau"));
}

TEST(Caller, ACredentialsOwnIdIsNotShown) {
  http::Fields fields;
  fields.add("Authorization", "Basic dGFibGVhdTpzZWNyZXQ=");
  const std::vector<OwnId> own = {{config::Secret("other"), "one"}, {config::Secret("tableau"), "two"}};
  EXPECT_EQ(caller_of(fields, "", "10.0.0.1", own), "two");
}

TEST(Caller, IsTheIdInATokenRequestsForm) {
  const auto named_by = [](std::string_view form) { return caller_of({}, form, "10.0.0.1"); };
  EXPECT_EQ(named_by("grant_type=client_credentials&client_id=tableau&client_secret=x"), "tableau");
  EXPECT_EQ(named_by("client_id=t%61bleau"), "tableau") << "also without a secret, as in Basic";
  for (const char* form : {"", "grant_type=client_credentials", "client_id=", "client_id=a+b",
                           "client_id=a%20b", "client_secret=tableau", "id=tableau"})
    EXPECT_EQ(named_by(form), "10.0.0.1") << form;
  EXPECT_EQ(named_by("client_id=" + std::string(65, 'a')), "10.0.0.1");
  EXPECT_EQ(caller_of({}, "client_id=tableau", "10.0.0.1", {{config::Secret("tableau"), "two"}}), "two");
}

TEST(Caller, WhatIsNoNameIsNotTakenForOne) {
  for (const char* authorization : {"", "Basic", "Basic ", "Basic !!!", "Basic OnNlY3JldA==" /* :secret */,
                                    "Basic YSBiOmM=" /* "a b:c" */, "Bearer eyJhbGciOiJIUzI1NiJ9.e30.x",
                                    "Bearer local.", "Digest tableau", "BasicdGFibGVhdTpz"})
    EXPECT_EQ(caller(authorization), "10.0.0.1") << authorization;
  EXPECT_EQ(caller("Bearer local." + std::string(65, 'a') + ".1"), "10.0.0.1") << "too long";
}

std::string of_basic(std::string_view text) {
  return basic_id(std::string("Basic ").append(text));
}

TEST(BasicId, IsReadFromPaddedAndUnpaddedBase64) {
  for (const char* padded : {"YTpi", "YWI6Yw==", "YWJjOmQ=" /* a:b, ab:c, abc:d */}) {
    const std::string_view text(padded);
    const std::string id = of_basic(text);
    EXPECT_EQ(id, std::string("abc").substr(0, id.size())) << text;
    EXPECT_FALSE(id.empty()) << text;
    EXPECT_EQ(of_basic(text.substr(0, text.find('='))), id) << text;
  }
  EXPECT_EQ(of_basic("YQ"), "a");
  EXPECT_EQ(of_basic("YWI"), "ab");
}

TEST(BasicId, IsReadAtAnyLengthThatANameMayHave) {
  for (std::size_t size = 1; size <= max_caller_name + 3; ++size) {
    const std::string name(size, 'a');
    EXPECT_EQ(of_basic(to_base64url(name)), size <= max_caller_name ? name : "") << size;
  }
}

TEST(BasicId, IsNotReadFromTextThatIsCutOffAnywhere) {
  std::string text;  // "a" again and again; cut elsewhere than behind four digits, it has stray bits
  for (std::size_t size = 1; size <= 4 * max_caller_name / 3; ++size) {
    text += std::string_view("YWFh")[(size - 1) % 4];
    EXPECT_EQ(of_basic(text), size % 4 == 0 ? std::string(size / 4 * 3, 'a') : "") << size;
  }
}

TEST(BasicId, MayBePercentEncoded) {
  EXPECT_EQ(of_basic("YSUyRWIlMkRjJTVGMTp4"), "a.b-c_1") << "a%2Eb%2Dc%5F1:x";
  EXPECT_EQ(of_basic("YSUyMGI6eA=="), "") << "a%20b:x";
  EXPECT_EQ(of_basic("YSU6eA=="), "") << "a%:x";
}

TEST(BasicId, OfMalformedBase64IsNone) {
  for (const char* text :
       {"=",     "==",       "===",  "====",     "Y",     "Y=",  "Y==",  "Y===", "YQ=", "YQ===", "YWI==",
        "YTpi=", "YTpi====", "Y=Q=", "YQ==YQ==", "YTpi!", "Y Q", "YT-i", "YT_i", "YR" /* a stray bit */})
    EXPECT_EQ(of_basic(text), "") << text;
  EXPECT_EQ(of_basic(std::string(1025, 'Y')), "") << "too long to be looked at";
  EXPECT_EQ(of_basic(std::string(1023, '=')), "");
  EXPECT_EQ(basic_id(std::string("Basic Y\0TpiYTpi", 15)), "");
}

TEST(BasicId, NeedsTheSchemeAndASpaceBehindIt) {
  EXPECT_EQ(basic_id("BASIC   YTpi  "), "a");
  for (const char* authorization :
       {"", "B", "Basi", "Basic", "Basic ", "BasicYTpi", "Basic\tYTpi", "YTpi", "Bearer YTpi", " Basic YTpi"})
    EXPECT_EQ(basic_id(authorization), "") << authorization;
}

TEST(Caller, OfAnOddAuthorizationIsTheAddress) {
  for (const char* authorization :
       {"Basic Y", "Basic ===", "Basic =", "Bearer local", "Bearer local..", "Bearer  "})
    EXPECT_EQ(caller(authorization), "10.0.0.1") << authorization;
}

}  // namespace
}  // namespace roktcached::access
