#include "server/inbound/caller.h"

#include <gtest/gtest.h>

namespace roktcached::inbound {
namespace {

std::string caller(std::string_view authorization) {
  http::Fields fields;
  fields.add("Authorization", authorization);
  return caller_of(fields, "10.0.0.1");
}

TEST(Caller, IsTheIdOfBasicElseTheAddress) {
  EXPECT_EQ(caller_of({}, "10.0.0.1"), "10.0.0.1");
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
  EXPECT_EQ(caller_of(fields, "10.0.0.1", own), "two");
}

TEST(Caller, WhatIsNoNameIsNotTakenForOne) {
  for (const char* authorization : {"", "Basic", "Basic ", "Basic !!!", "Basic OnNlY3JldA==" /* :secret */,
                                    "Basic YSBiOmM=" /* "a b:c" */, "Bearer eyJhbGciOiJIUzI1NiJ9.e30.x",
                                    "Bearer local.", "Digest tableau", "BasicdGFibGVhdTpz"})
    EXPECT_EQ(caller(authorization), "10.0.0.1") << authorization;
  EXPECT_EQ(caller("Bearer local." + std::string(65, 'a') + ".1"), "10.0.0.1") << "too long";
}

}  // namespace
}  // namespace roktcached::inbound
