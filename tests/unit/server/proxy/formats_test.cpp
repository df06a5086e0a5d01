#include <gmock/gmock.h>

#include <set>

#include "core/rokt/moving_dates.h"
#include "tests/unit/server/proxy/proxy_fixture.h"

/// Other forms of an answer, and the parameters that ask for them.
namespace roktcached::proxy {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view csv = "roktcached-format=csv";

class FormatsTest : public ProxyFixture {
 protected:
  FormatsTest() { upstream_says(200, R"({"items":[{"id":"12345678901234567","cost":10.10},{"id":null}]})"); }

  void upstream_says(unsigned status, const std::string& body, const std::vector<http::Field>& fields = {}) {
    upstream.answer = [=](const upstream::UpstreamRequest&) { return upstream_answer(status, body, fields); };
  }
  static std::string report_as(std::string_view parameters) {
    return report("1", "&" + std::string(parameters));
  }
  static std::string tag_of(const http::Answer& answer) {
    return std::string(http::value_in_lines(answer.head, "ETag"));
  }
  static std::string value(const http::Answer& answer, std::string_view name) {
    const std::string all = answer.head + std::string(answer.shared_head);
    const auto fields = http::Fields::from_lines(all);
    return fields.combined(name);
  }
  std::string detail(http::Answer answer) { return content_of(answer); }
  /// A table of some length, in JSON and in CSV.
  static std::string rows(std::size_t count, bool as_csv) {
    std::string text = as_csv ? "name,cost\r\n" : R"({"data":[)";
    for (std::size_t i = 0; i < count; ++i) {
      const std::string name = "campaign of some length, number " + std::to_string(i);
      text += as_csv ? "\"" + name + "\",1.50\r\n"
                     : (i == 0 ? "" : ",") + std::string(R"({"name":")") + name + R"(","cost":1.50})";
    }
    return as_csv ? text : text + "]}";
  }
};

TEST_F(FormatsTest, CsvIsMadeOfTheSameEntry) {
  auto answer = ask(report_as(csv));
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(content_of(answer), "id,cost\r\n\"12345678901234567\",10.10\r\n,\r\n");
  EXPECT_EQ(value(answer, "Content-Type"), "text/csv; charset=utf-8; header=present");
  EXPECT_EQ(told(answer), "roktcached; fwd=miss; stored; ttl=604800");
  ASSERT_EQ(upstream.requests.size(), 1U);
  EXPECT_EQ(upstream.requests[0].target, report());
  auto as_json = ask(report());
  EXPECT_EQ(content_of(as_json), R"({"items":[{"id":"12345678901234567","cost":10.10},{"id":null}]})");
  EXPECT_EQ(told(as_json), "roktcached; hit; ttl=604800");
  EXPECT_EQ(told(ask(report(), {{"Accept", "text/csv"}})), "roktcached; hit; ttl=604800");
  EXPECT_EQ(upstream.requests.size(), 1U);
}

TEST_F(FormatsTest, AcceptAsksForAForm) {
  const auto type = [this](const std::string& accept) {
    return value(ask(report(), {{"Accept", accept}}), "Content-Type").substr(0, 20);
  };
  upstream_says(200, R"({"a":1})", {{"Content-Type", "application/json"}});
  EXPECT_EQ(type("text/csv"), "text/csv; charset=ut");
  EXPECT_EQ(type("TEXT/CSV;q=0.9, */*;q=0.1"), "text/csv; charset=ut");
  EXPECT_EQ(type("text/csv, */*"), "text/csv; charset=ut");
  EXPECT_EQ(type("application/x-ndjson"), "application/x-ndjson");
  EXPECT_EQ(type("text/csv;q=0.5, application/x-ndjson"), "application/x-ndjson");
  for (const char* accept :
       {"*/*", "application/json", "application/json, text/plain, */*", "text/*", "text/html",
        "application/json, text/csv", "text/csv;q=0.5, application/json", "text/csv;q=0", "",
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"})
    EXPECT_EQ(type(accept), "application/json") << accept;
  EXPECT_EQ(value(ask(report_as("roktcached-format=json"), {{"Accept", "text/csv"}}), "Content-Type"),
            "application/json");
}

TEST_F(FormatsTest, EachFormHasATagOfItsOwn) {
  const std::string plain = tag_of(ask(report()));
  const std::string of_csv = tag_of(ask(report_as(csv)));
  EXPECT_EQ(of_csv, plain.substr(0, plain.size() - 1) + "-csv\"");
  EXPECT_NE(tag_of(ask(report_as("roktcached-format=csv;excel"))), of_csv);
  const std::string columns = "roktcached-format=csv&roktcached-columns=fetched_at";
  const std::string with_column = tag_of(ask(report_as(columns)));
  EXPECT_NE(with_column, of_csv);
  const auto held = ask(report_as(csv), {{"If-None-Match", of_csv}});
  EXPECT_EQ(held.status, 304U);
  EXPECT_EQ(tag_of(held), of_csv);
  EXPECT_EQ(held.body, nullptr);
  EXPECT_EQ(ask(report_as(csv), {{"If-None-Match", plain}}).status, 200U);
  EXPECT_EQ(ask(report(), {{"If-None-Match", of_csv}}).status, 200U);
  EXPECT_EQ(ask(report_as(columns), {{"If-None-Match", with_column}}).status, 304U);
  // What is said in a column is a part of the form.
  clock.advance(std::chrono::days(8));
  ask(report());
  EXPECT_EQ(ask(report_as(columns), {{"If-None-Match", with_column}}).status, 200U);
}

TEST_F(FormatsTest, AFormIsMadeOnceAndAgainForOtherNumbers) {
  ask(report_as(csv));
  const auto first = ask(report_as(csv));
  EXPECT_EQ(ask(report_as(csv)).body, first.body);
  EXPECT_EQ(ask(report(), {{"Accept", "text/csv"}}).body, first.body);
  upstream_says(200, R"({"items":[{"id":"2"}]})");
  clock.advance(std::chrono::days(8));
  ask(report());  // refreshed behind
  auto later = ask(report_as(csv));
  EXPECT_EQ(content_of(later), "id\r\n\"2\"\r\n");
}

TEST_F(FormatsTest, ColumnsSayWhatToolsCannotSee) {
  auto answer =
      ask(report_as("roktcached-format=csv&roktcached-columns="
                    "fetched_at,report_state,route,date_start,date_end,currency,time_zone"));
  const std::string content = content_of(answer);
  EXPECT_THAT(content,
              HasSubstr("id,cost,fetched_at,report_state,route,date_start,date_end,currency,time_zone\r\n"));
  EXPECT_THAT(content, HasSubstr("Z,settled,account-summary,2020-01-01,2020-01-31,USD,UTC\r\n"));
  const auto refused = ask(report_as("roktcached-columns=route"));
  EXPECT_EQ(refused.status, 400U);
  EXPECT_THAT(detail(refused), HasSubstr("roktcached-columns: the answer is JSON"));
}

TEST_F(FormatsTest, WhatIsNoTableIsRefusedAndStaysInTheCache) {
  upstream_says(200, R"(["a","b"])");
  const auto refused = ask(report_as(csv));
  EXPECT_EQ(refused.status, 406U);
  EXPECT_EQ(refused.notes.route, "account-summary");
  EXPECT_THAT(detail(refused), HasSubstr("element 1 of it is a string"));
  EXPECT_EQ(told(ask(report())), "roktcached; hit; ttl=604800");
  EXPECT_EQ(ask(report_as(csv)).status, 406U);
}

TEST_F(FormatsTest, AnErrorStaysAsItIs) {
  upstream_says(404, R"({"error":"none"})");
  auto none = ask(report_as(csv));
  EXPECT_EQ(none.status, 404U);
  EXPECT_EQ(content_of(none), R"({"error":"none"})");
  upstream.answer = [](const upstream::UpstreamRequest&) {
    return upstream_failure(ErrorCode::upstream_timeout);
  };
  const auto failed = ask(report("2", "&" + std::string(csv)));
  EXPECT_EQ(failed.status, 504U);
  EXPECT_THAT(value(failed, "Content-Type"), HasSubstr("problem+json"));
}

TEST_F(FormatsTest, APageThatIsNoReportIsNotGivenOutAsATable) {
  upstream_says(200, "<html>Sign in</html>", {{"Content-Type", "text/html"}});
  const auto refused = ask(report_as(csv));
  EXPECT_EQ(refused.status, 406U);
  EXPECT_THAT(detail(refused), HasSubstr("no JSON"));
}

TEST_F(FormatsTest, FieldsOfTheJsonAreNotSaidOfAnotherForm) {
  upstream_says(200, R"({"a":1})",
                {{"Content-Type", "application/json"},
                 {"Last-Modified", "Wed, 01 Jan 2020 00:00:00 GMT"},
                 {"Content-Digest", "sha-256=:x:"},
                 {"X-Rokt", "kept"}});
  const auto answer = ask(report_as(csv));
  EXPECT_EQ(value(answer, "Content-Type"), "text/csv; charset=utf-8; header=present");
  EXPECT_FALSE(has(answer, "Last-Modified"));
  EXPECT_FALSE(has(answer, "Content-Digest"));
  EXPECT_TRUE(has(answer, "X-Rokt"));
  EXPECT_THAT(value(answer, "Vary"), HasSubstr("Accept,"));
}

TEST_F(FormatsTest, ALongAnswerIsTheSame) {
  upstream_says(200, rows(3000, false));  // longer than what is done at once
  auto miss = ask(report_as(csv));
  ASSERT_TRUE(miss.body);
  EXPECT_EQ(content_of(miss), rows(3000, true));
  auto hit = ask(report_as(csv));
  EXPECT_EQ(content_of(hit), rows(3000, true));
}

TEST_F(FormatsTest, WithoutRoomItIsWrittenAsItIsSent) {
  upstream_says(200, rows(6000, false));
  auto plain = ask(report());
  auto others = storage::BodyAccount::Growing(bodies);
  ASSERT_TRUE(others.add((1 << 20) - bodies.read().all - 1000));  // no room for another form
  auto answer = ask(report_as(csv));
  EXPECT_EQ(answer.body, nullptr);
  ASSERT_TRUE(answer.content);
  EXPECT_FALSE(answer.content_length);
  EXPECT_EQ(content_of(answer), rows(6000, true));
  EXPECT_FALSE(conversions.forget_all()) << "nothing is kept";
  const auto head = ask(report_as(csv), {}, "HEAD");
  EXPECT_EQ(head.status, 200U);
  EXPECT_EQ(head.content, nullptr);
}

TEST_F(FormatsTest, OurParametersGoNowhereOnOtherRoutes) {
  for (const char* target : {"/logs/a?roktcached-format=csv", "/files/a?b=1&roktcached-columns=route",
                             "/tools/a?%72oktcached-x=1"}) {
    const auto refused = ask(target);
    EXPECT_EQ(refused.status, 400U) << target;
    EXPECT_THAT(detail(refused), HasSubstr("roktcached-")) << target;
  }
  EXPECT_TRUE(upstream.requests.empty());
}

TEST_F(FormatsTest, DatesMoveWithTheDayOfTheZone) {
  const std::string moving =
      "/reporting/accounts/1/summary?currency=USD&timeZoneVariation=Asia/Kathmandu&roktcached-dates=last_7d";
  const auto zone = rokt::TimeZone::find("Asia/Kathmandu").value();
  const auto begins = zone.next_day(clock.wall_now());  // of the day after today
  clock.advance(std::chrono::duration_cast<std::chrono::milliseconds>(begins - clock.wall_now()) - 1ms);
  const std::string before = value(ask(moving), "Report-Range");
  EXPECT_EQ(told(ask(moving)).substr(0, 15), "roktcached; hit");
  EXPECT_EQ(value(ask(moving), "Report-Range"), before);
  EXPECT_EQ(upstream.requests.size(), 1U);
  clock.advance(1ms);
  const std::string after = value(ask(moving), "Report-Range");
  EXPECT_NE(after, before);
  ASSERT_EQ(upstream.requests.size(), 2U);
  const std::string start = after.substr(0, after.find('/'));
  const std::string end = after.substr(after.find('/') + 1);
  EXPECT_EQ(upstream.requests[1].target, "/reporting/accounts/1/summary?dateStart=" + start + "&dateEnd=" +
                                             end + "&currency=USD&timeZoneVariation=Asia/Kathmandu");
  // The same dates by hand are the same entry.
  const auto by_hand = ask(upstream.requests[1].target);
  EXPECT_EQ(told(by_hand).substr(0, 15), "roktcached; hit");
  EXPECT_FALSE(has(by_hand, "Report-Range"));
}

TEST_F(FormatsTest, DatesMoveBackWithTheClock) {
  const std::string moving =
      "/reporting/accounts/1/summary?currency=USD&timeZoneVariation=UTC&roktcached-dates=yesterday";
  const std::string before = value(ask(moving), "Report-Range");
  clock.advance(std::chrono::days{30});
  EXPECT_NE(value(ask(moving), "Report-Range"), before);
  clock.wall -= std::chrono::days{30};
  EXPECT_EQ(value(ask(moving), "Report-Range"), before);
}

TEST_F(FormatsTest, DatesStandAlone) {
  const std::string path = "/reporting/accounts/1/summary?currency=USD&roktcached-dates=yesterday";
  EXPECT_THAT(detail(ask(path)), HasSubstr("timeZoneVariation: is missing"));
  EXPECT_THAT(detail(ask(path + "&timeZoneVariation=Nowhere")), HasSubstr("\\\"Nowhere\\\""));
  EXPECT_THAT(detail(ask(report_as("roktcached-dates=yesterday"))), HasSubstr("besides dateStart"));
  EXPECT_THAT(detail(ask(report_as("roktcached-dates=tomorrow"))), HasSubstr("accepted: yesterday, last_7d"));
  EXPECT_THAT(detail(ask(metadata() + "?roktcached-dates=yesterday")), HasSubstr("without dateStart"));
  EXPECT_TRUE(upstream.requests.empty());
}

TEST_F(FormatsTest, FortyRefreshesOfARangeThatEndsNowAreOneCall) {
  config::Settings settings = two_credentials();
  settings.parameters.open_end_step = 15min;
  const Runtime stepped(settings, nullptr, 2);
  const auto zone = rokt::TimeZone::find("UTC").value();
  const auto midnight = zone.next_day(clock.wall_now());
  clock.advance(std::chrono::duration_cast<std::chrono::milliseconds>(midnight - clock.wall_now()) + 12h);
  std::set<std::string> ranges;
  for (int refresh = 0; refresh < 40; ++refresh) {
    const auto second = std::to_string(10 + refresh);
    http::Request request;
    request.method = "GET";
    const std::string day = std::string(rokt::text_of(rokt::local_day(clock.wall_now(), zone)));
    request.target = "/reporting/accounts/1/summary?dateStart=2020-01-01&dateEnd=" + day +
                     "T12:00:" + second + "&currency=USD&timeZoneVariation=UTC";
    request.runtime = &stepped;
    const auto answer = ask(std::move(request));
    EXPECT_EQ(answer.status, 200U);
    ranges.insert(value(answer, "Report-Range"));
    clock.advance(1s);
  }
  EXPECT_EQ(upstream.requests.size(), 1U);
  ASSERT_EQ(ranges.size(), 1U);
  EXPECT_THAT(*ranges.begin(), HasSubstr("2020-01-01/"));
  EXPECT_THAT(*ranges.begin(), HasSubstr("T12:00:00.000"));
}

TEST_F(FormatsTest, ADayThatWasChosenByNameKeepsItsEnd) {
  config::Settings settings = two_credentials();
  settings.parameters.open_end_step = 1h;
  const Runtime stepped(settings, nullptr, 2);
  const auto zone = rokt::TimeZone::find("Asia/Yangon").value();
  clock.advance(std::chrono::duration_cast<std::chrono::milliseconds>(zone.next_day(clock.wall_now()) -
                                                                      clock.wall_now()) +
                12min);
  http::Request request;
  request.method = "GET";
  request.target =
      "/reporting/accounts/1/summary?roktcached-dates=yesterday&currency=USD&timeZoneVariation=Asia/Yangon";
  request.runtime = &stepped;
  EXPECT_THAT(value(ask(std::move(request)), "Report-Range"), testing::EndsWith("T23:59:59.000"));
}

TEST_F(FormatsTest, AnEndThatComesNearIsRoundedFromThenOn) {
  config::Settings settings = two_credentials();
  settings.parameters.open_end_step = 15min;
  const Runtime stepped(settings, nullptr, 2);
  const auto zone = rokt::TimeZone::find("UTC").value();
  clock.advance(std::chrono::duration_cast<std::chrono::milliseconds>(zone.next_day(clock.wall_now()) -
                                                                      clock.wall_now()) +
                12h);
  const std::string day(rokt::text_of(rokt::local_day(clock.wall_now(), zone)));
  const auto range = [&] {
    http::Request request;
    request.method = "GET";
    request.target = "/reporting/accounts/1/summary?dateStart=2020-01-01&dateEnd=" + day +
                     "T12:15:04&currency=USD&timeZoneVariation=UTC";
    request.runtime = &stepped;
    return value(ask(std::move(request)), "Report-Range");
  };
  for (int again = 0; again < 3; ++again) EXPECT_EQ(range(), "");
  clock.advance(6s);
  EXPECT_THAT(range(), testing::EndsWith("T12:15:00.000"));
}

TEST_F(FormatsTest, FormsGiveWayWhereMemoryIsShort) {
  ask(report_as(csv));
  EXPECT_TRUE(conversions.forget_all());
  EXPECT_FALSE(conversions.forget_all());
  auto answer = ask(report_as(csv));
  EXPECT_THAT(content_of(answer), HasSubstr("id,cost"));
}

TEST_F(FormatsTest, AFormWithoutAnOctetCostsSomethingToKeep) {
  KeptConversions few(1 << 13);
  const auto empty = caching::no_body();
  ask(report());
  const auto entry = store.find_in_memory(caching::Key("default " + report() + " LATEST"), clock.wall_now());
  ASSERT_TRUE(entry);
  few.keep(*entry, "first", empty);
  EXPECT_EQ(few.find(*entry, "first"), empty);
  for (int form = 0; form < 100; ++form) few.keep(*entry, std::to_string(form), empty);
  EXPECT_EQ(few.find(*entry, "first"), nullptr);
  EXPECT_EQ(few.find(*entry, "99"), empty);
}

TEST_F(FormatsTest, AFormCountsTheShortBodyThatItHolds) {
  constexpr std::size_t room = 1 << 16;
  const auto kept_of = [](const caching::StoredResponse& stored) {
    KeptConversions kept(room);
    const auto tag = [](int form) { return std::to_string(1000 + form); };
    std::size_t count = 0;
    for (int form = 0; form < 1000; ++form) kept.keep(stored, tag(form), caching::no_body());
    for (int form = 0; form < 1000; ++form) {
      if (kept.find(stored, tag(form)) != nullptr) ++count;
    }
    return count;
  };
  ask(report());
  const auto entry = store.find_in_memory(caching::Key("default " + report() + " LATEST"), clock.wall_now());
  ASSERT_TRUE(entry);
  caching::StoredResponse longer = *entry;
  longer.body = caching::share_body(std::string(entry->body->size() + 1000, 'a'));
  EXPECT_GT(kept_of(longer), 0U);
  EXPECT_LE(kept_of(longer), room / longer.body->size());
  EXPECT_GT(kept_of(*entry), kept_of(longer));
  longer.body = caching::share_body(std::string(2 * caching::short_body_max, 'a'));
  EXPECT_GT(kept_of(longer), kept_of(*entry)) << "a long one's octets go without it";
}

TEST_F(FormatsTest, AQueryHasTheSameForms) {
  upstream_says(200, R"({"data":[{"a":1}],"queryTimeMs":5})");
  const std::string body =
      R"({"startDate":"2025-01-01","endDate":"2025-01-31","metrics":["a"],"currencyCode":"USD","timezoneVariation":"UTC"})";
  auto answer =
      ask("/v1/query/accounts/1/"
          "transactions?roktcached-format=csv&roktcached-columns=date_start,currency,time_zone",
          {{"Content-Type", "application/json"}}, "POST", body);
  EXPECT_EQ(content_of(answer), "a,date_start,currency,time_zone\r\n1,2025-01-01,USD,UTC\r\n");
  EXPECT_EQ(upstream.requests.at(0).target, "/v1/query/accounts/1/transactions");
  EXPECT_THAT(told(answer), Not(HasSubstr("hit")));
}

}  // namespace
}  // namespace roktcached::proxy
