#include "server/simulator/faults.h"

#include <gtest/gtest.h>

namespace roktcached::simulator {
namespace {

Faults faults_from(std::string_view json) {
  auto parsed = parse_faults(json);
  EXPECT_TRUE(parsed.has_value());
  Faults faults;
  if (parsed) faults.set(std::move(*parsed));
  return faults;
}

int met(Faults& faults, std::string_view path, int requests) {
  int count = 0;
  for (int i = 0; i < requests; ++i) count += faults.meet(path) ? 1 : 0;
  return count;
}

TEST(ParseFaultsTest, ReadsEveryField) {
  const auto faults = parse_faults(
      R"([{"path_prefix":"/reporting","kind":"status","status":502,"latency_ms":250,"share":0.3,"count":10}])");
  ASSERT_TRUE(faults.has_value());
  ASSERT_EQ(faults->size(), 1U);
  const Fault& fault = faults->front();
  EXPECT_EQ(fault.path_prefix, "/reporting");
  EXPECT_EQ(fault.kind, FaultKind::status);
  EXPECT_EQ(fault.status, 502U);
  EXPECT_EQ(fault.latency, std::chrono::milliseconds{250});
  EXPECT_DOUBLE_EQ(fault.share, 0.3);
  EXPECT_EQ(fault.left, std::uint64_t{10});
}

TEST(ParseFaultsTest, OnlyTheKindIsNeeded) {
  const auto faults = parse_faults(R"([{"kind":"hang"}])");
  ASSERT_TRUE(faults.has_value());
  EXPECT_EQ(faults->front().path_prefix, "/");
  EXPECT_EQ(faults->front().share, 1);
  EXPECT_EQ(faults->front().left, std::nullopt);
}

TEST(ParseFaultsTest, ReadsEveryKind) {
  const std::vector<std::pair<std::string, FaultKind>> kinds = {
      {"status", FaultKind::status},     {"latency", FaultKind::latency},
      {"reset", FaultKind::reset},       {"hang", FaultKind::hang},
      {"truncate", FaultKind::truncate}, {"wrong_length", FaultKind::wrong_length},
      {"trickle", FaultKind::trickle},   {"malformed_token", FaultKind::malformed_token},
      {"hold", FaultKind::hold}};
  for (const auto& [name, kind] : kinds) {
    const auto faults = parse_faults(R"([{"kind":")" + name + R"("}])");
    ASSERT_TRUE(faults.has_value()) << name;
    EXPECT_EQ(faults->front().kind, kind) << name;
  }
}

TEST(ParseFaultsTest, AnEmptyListIsNoFault) {
  const auto faults = parse_faults("[]");
  ASSERT_TRUE(faults.has_value());
  EXPECT_TRUE(faults->empty());
}

TEST(ParseFaultsTest, ARefusalNamesTheField) {
  const std::vector<std::pair<std::string, std::string>> mistakes = {
      {R"([{"kind":"explode"}])", "kind"},
      {R"([{"kind":7}])", "kind"},
      {R"([{"status":503}])", "kind"},
      {R"([7])", "kind"},
      {R"([{"kind":"status","status":99}])", "status"},
      {R"([{"kind":"status","status":600}])", "status"},
      {R"([{"kind":"status","status":"503"}])", "status"},
      {R"([{"kind":"status","share":1.5}])", "share"},
      {R"([{"kind":"status","share":-0.1}])", "share"},
      {R"([{"kind":"latency","latency_ms":-1}])", "latency_ms"},
      {R"([{"kind":"latency","latency_ms":1e300}])", "latency_ms"},
      {R"([{"kind":"status","count":-1}])", "count"},
      {R"([{"kind":"status","count":2.5}])", "count"},
      {R"([{"kind":"status","path_prefix":7}])", "path_prefix"},
      {R"([{"kind":"status","colour":"red"}])", "colour"},
  };
  for (const auto& [json, field] : mistakes) {
    const auto faults = parse_faults(json);
    ASSERT_FALSE(faults.has_value()) << json;
    EXPECT_EQ(faults.error().code, ErrorCode::invalid_request) << json;
    EXPECT_TRUE(faults.error().context.starts_with(field)) << json << ": " << faults.error().context;
  }
}

TEST(ParseFaultsTest, WhatIsNoListIsRefused) {
  for (const char* text : {"", "{}", "[", "null", "[{\"kind\":\"hang\"}] x", "{\"kind\":\"hang\"}"}) {
    EXPECT_FALSE(parse_faults(text).has_value()) << text;
  }
}

TEST(FaultsTest, MeetsThePathsBehindItsPrefix) {
  Faults faults = faults_from(R"([{"kind":"reset","path_prefix":"/auth"}])");
  EXPECT_TRUE(faults.meet("/auth/oauth2/token").has_value());
  EXPECT_FALSE(faults.meet("/reporting/accounts/1/summary").has_value());
}

TEST(FaultsTest, MeetsAsManyAsItsCount) {
  Faults faults = faults_from(R"([{"kind":"reset","count":3,"path_prefix":"/reporting"}])");
  EXPECT_EQ(met(faults, "/metadata/x", 5), 0);
  EXPECT_EQ(met(faults, "/reporting/x", 5), 3);
}

TEST(FaultsTest, WithoutACountItMeetsEveryRequestUntilTheNextOnes) {
  Faults faults = faults_from(R"([{"kind":"reset"}])");
  EXPECT_EQ(met(faults, "/x", 100), 100);
  faults.set({});
  EXPECT_EQ(met(faults, "/x", 100), 0);
}

TEST(FaultsTest, MeetsItsShareOfTheRequests) {
  Faults faults = faults_from(R"([{"kind":"reset","share":0.3}])");
  const int count = met(faults, "/x", 2000);
  EXPECT_GT(count, 500);
  EXPECT_LT(count, 700);
  Faults never = faults_from(R"([{"kind":"reset","share":0}])");
  EXPECT_EQ(met(never, "/x", 1000), 0);
}

TEST(FaultsTest, TheShareIsDrawnTheSameWayEveryTime) {
  Faults one = faults_from(R"([{"kind":"reset","share":0.5}])");
  Faults other = faults_from(R"([{"kind":"reset","share":0.5}])");
  for (int i = 0; i < 100; ++i) ASSERT_EQ(one.meet("/x").has_value(), other.meet("/x").has_value());
}

TEST(FaultsTest, TheFirstThatMatchesIsMetAndTheNextWhenItIsUsedUp) {
  Faults faults =
      faults_from(R"([{"kind":"status","status":500,"count":1},{"kind":"status","status":502,"count":1}])");
  EXPECT_EQ(faults.meet("/x")->status, 500U);
  EXPECT_EQ(faults.meet("/x")->status, 502U);
  EXPECT_FALSE(faults.meet("/x").has_value());
}

TEST(FaultsTest, AMalformedTokenIsNotSpentOnAReport) {
  Faults faults = faults_from(R"([{"kind":"malformed_token","count":1}])");
  EXPECT_FALSE(faults.meet("/reporting/accounts/1/summary").has_value());
  EXPECT_TRUE(faults.meet("/auth/oauth2/token").has_value());
}

TEST(FaultsTest, SettingReplacesWhatWasThere) {
  Faults faults = faults_from(R"([{"kind":"reset","path_prefix":"/a"}])");
  faults.set(std::move(*parse_faults(R"([{"kind":"hang","path_prefix":"/b"}])")));
  EXPECT_FALSE(faults.meet("/a").has_value());
  EXPECT_EQ(faults.meet("/b")->kind, FaultKind::hang);
}

}  // namespace
}  // namespace roktcached::simulator
