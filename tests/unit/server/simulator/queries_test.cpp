#include "server/simulator/queries.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/unit/server/simulator/examples.h"

namespace roktcached::simulator {
namespace {

using boost::json::object;
using examples::json_of;
using examples::micro;
using examples::noon_in_march;
using examples::report_target;

constexpr std::string_view three_days =
    R"("startDate":"2026-01-05","endDate":"2026-01-07","timezoneVariation":"America/Chicago","currencyCode":"USD")";

Reply asked(const std::string& path, const std::string& content, EndDate end_date = EndDate::inclusive,
            const std::string& method = "POST") {
  const QueryRequest request{
      .method = method, .path = path, .content = content, .end_date = end_date, .query_time_ms = 5};
  return answer_query(World(1), request, noon_in_march);
}

std::vector<object> rows_of(const std::string& subject, const std::string& more,
                            EndDate end_date = EndDate::inclusive) {
  const Reply reply =
      asked("/v1/query/accounts/7/" + subject, "{" + std::string(three_days) + "," + more + "}", end_date);
  EXPECT_EQ(reply.status, 200U) << reply.body;
  std::vector<object> rows;
  if (reply.status != 200) return rows;
  const auto body = boost::json::parse(reply.body).as_object();
  for (const auto& row : body.at("data").as_array()) rows.push_back(row.as_object());
  return rows;
}

std::int64_t sum(const std::vector<object>& rows, std::string_view column) {
  std::int64_t total = 0;
  for (const object& row : rows) total += micro(row, std::string(column));
  return total;
}

std::vector<std::string> column(const std::vector<object>& rows, std::string_view name) {
  std::vector<std::string> values;
  for (const object& row : rows) values.emplace_back(row.at(name).as_string());
  return values;
}

TEST(QueriesTest, SumsAgreeWithTheReportingApi) {
  const auto summary = json_of(report_target("summary"));
  const auto& campaigns = summary.at("campaignsSummary").as_object();
  const auto& transactions = summary.at("transactionsSummary").as_object();
  for (const char* split : {R"("dimensions":[],)", R"("interval":"day",)", R"("dimensions":["campaign"],)",
                            R"("dimensions":["country","audience"],"interval":"day",)"}) {
    const auto rows = rows_of("campaigns/", split + std::string(R"("metrics":["gross_cost","impressions"])"));
    EXPECT_EQ(sum(rows, "gross_cost"), micro(campaigns, "grossCost")) << split;
    EXPECT_EQ(sum(rows, "impressions"), micro(campaigns, "impressions")) << split;
  }
  const auto rows =
      rows_of("transactions", R"("dimensions":["age","page"],"metrics":["revenue","purchases"])");
  EXPECT_GT(rows.size(), 5U);
  EXPECT_EQ(sum(rows, "revenue"), micro(transactions, "revenue"));
  EXPECT_EQ(sum(rows, "purchases"), micro(transactions, "purchases"));
}

TEST(QueriesTest, ABareEndIsExclusiveOrInclusive) {
  const std::string by_day = R"("interval":"day","metrics":["impressions"])";
  EXPECT_EQ(column(rows_of("campaigns/", by_day, EndDate::exclusive), "datetime"),
            (std::vector<std::string>{"2026-01-05T00:00:00.000", "2026-01-06T00:00:00.000"}));
  EXPECT_EQ(rows_of("campaigns/", by_day, EndDate::inclusive).size(), 3U);
}

TEST(QueriesTest, OnlyAnIntervalGivesTheTime) {
  for (const object& row : rows_of("campaigns/", R"("dimensions":["campaign"],"metrics":["impressions"])"))
    EXPECT_FALSE(row.contains("datetime"));
}

TEST(QueriesTest, RowsAreOrderedAndFiltered) {
  const auto rows = rows_of("campaigns/", R"("dimensions":["campaign"],"metrics":["impressions"],)"
                                          R"("dimensionFilters":{"campaign":["3","11","7"]},)"
                                          R"("orderBys":[{"column":"campaign","direction":"desc"}])");
  EXPECT_EQ(column(rows, "campaign"), (std::vector<std::string>{"7", "3", "11"}));
  const auto by_cost = rows_of("campaigns/", R"("dimensions":["campaign"],"metrics":["gross_cost"],)"
                                             R"("orderBys":[{"column":"gross_cost","direction":"desc"}])");
  EXPECT_TRUE(std::ranges::is_sorted(by_cost, std::ranges::greater(),
                                     [](const object& row) { return micro(row, "gross_cost"); }));
}

TEST(QueriesTest, WhatTheApiRefusesIsRefused) {
  const std::string path = "/v1/query/accounts/7/campaigns/";
  const auto status = [&](const std::string& more) {
    return asked(path, "{" + std::string(three_days) + more + "}").status;
  };
  EXPECT_EQ(status(R"(,"metrics":["impressions"])"), 200U);
  for (const char* more :
       {"", R"(,"metrics":[])", R"(,"metrics":["revenue"])", R"(,"metrics":"impressions")",
        R"(,"metrics":["impressions"],"dimensions":["age"])",
        R"(,"metrics":["impressions"],"interval":"week")",
        R"(,"interval":"day","metrics":["impressions"],"orderBys":[{"column":"datetime"}])",
        R"(,"metrics":["impressions"],"dimensionFilters":{"x":[]})"}) {
    EXPECT_EQ(status(more), 400U) << more;
  }
  EXPECT_EQ(asked(path, "[]").status, 400U);
  EXPECT_EQ(asked(path, R"({"metrics":["impressions"],"startDate":"2026-01-05"})").status, 400U);
}

TEST(QueriesTest, PathsAndMethodsAreThose) {
  const auto status = [](const std::string& method, const std::string& path) {
    return asked(path, "{}", EndDate::inclusive, method).status;
  };
  EXPECT_EQ(status("GET", "/v1/query/accounts"), 200U);
  EXPECT_EQ(status("GET", "/v1/query/accounts/7"), 200U);
  EXPECT_EQ(status("GET", "/v1/query/accounts/7/campaigns/help"), 200U);
  EXPECT_EQ(status("GET", "/v1/query/accounts/7/transactions/help"), 200U);
  EXPECT_EQ(status("GET", "/v1/query/accounts/1000"), 403U);
  EXPECT_EQ(status("GET", "/v1/query/accounts/x"), 403U);
  EXPECT_EQ(status("POST", "/v1/query/accounts"), 405U);
  EXPECT_EQ(status("GET", "/v1/query/accounts/7/campaigns/"), 405U);
  EXPECT_EQ(status("POST", "/v1/query/accounts/7/campaigns"), 404U);
  EXPECT_EQ(status("POST", "/v1/query/accounts/7/transactions/"), 404U);
  EXPECT_EQ(status("GET", "/v1/query/accountsx"), 404U);
}

}  // namespace
}  // namespace roktcached::simulator
