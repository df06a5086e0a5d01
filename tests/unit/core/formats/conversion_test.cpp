#include "core/formats/conversion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace roktcached::formats {
namespace {

using testing::HasSubstr;

struct Converted {
  std::string text;
  std::string refused;  ///< why; empty: it is not
};

/// @param step  of the survey and of the writing
Converted converted(std::string_view body, Format format, std::vector<AddedColumn> added = {},
                    std::size_t step = 1000) {
  Conversion conversion(body, format, std::move(added));
  while (true) {
    const auto all = conversion.survey(step);
    if (!all) return {{}, all.error().context};
    if (*all) break;
  }
  Converted result;
  while (!conversion.write(result.text, step)) {
  }
  return result;
}

std::string csv(std::string_view body) {
  return converted(body, Format::csv).text;
}
std::string for_excel(std::string_view body) {
  return converted(body, Format::csv_spreadsheet).text;
}
std::string ndjson(std::string_view body) {
  return converted(body, Format::ndjson).text;
}

TEST(ConversionTest, RowsAreTheElementsOfItemsOrDataOrOfTheArray) {
  constexpr std::string_view rows = R"([{"a":1,"b":"x"},{"a":2,"b":"y"}])";
  constexpr std::string_view wanted = "a,b\r\n1,x\r\n2,y\r\n";
  EXPECT_EQ(csv(rows), wanted);
  EXPECT_EQ(csv(R"({"items":)" + std::string(rows) + "}"), wanted);
  EXPECT_EQ(csv(R"({"accountId":"7","queryTimeMs":12,"data":)" + std::string(rows) + R"(,"more":[{"z":1}]})"),
            wanted);
  EXPECT_EQ(csv("\xEF\xBB\xBF \r\n { \"items\" : " + std::string(rows) + " } \n"), wanted);
}

TEST(ConversionTest, AnObjectWithoutSuchAMemberIsOneRow) {
  EXPECT_EQ(csv(R"({"grossCost":44638.223000,"campaigns":1})"), "grossCost,campaigns\r\n44638.223000,1\r\n");
  EXPECT_EQ(csv(R"({"data":{"a":1}})"), "data\r\n\"{\"\"a\"\":1}\"\r\n");
  EXPECT_EQ(csv(R"({"items":null})"), "items\r\n\"\"\r\n");
}

TEST(ConversionTest, ObjectsOneBehindTheOtherAreRows) {
  EXPECT_EQ(csv(R"({"a":1},{"b":2})"), "a,b\r\n1,\r\n,2\r\n");
  EXPECT_EQ(ndjson("{\"a\":1}\n{\"a\":2}\n"), "{\"a\":1}\n{\"a\":2}\n");
}

TEST(ConversionTest, NumbersStayAsTheUpstreamWroteThem) {
  EXPECT_EQ(csv(R"([{"id":12345678901234567,"cost":10.10,"tiny":1e-7,"big":1E+400,"zero":-0.0}])"),
            "id,cost,tiny,big,zero\r\n12345678901234567,10.10,1e-7,1E+400,-0.0\r\n");
}

TEST(ConversionTest, ColumnsComeInTheOrderOfTheirFirstAppearance) {
  EXPECT_EQ(csv(R"([{"a":1},{"b":2,"a":3},{},{"c":4,"\u0062":5}])"),
            "a,b,c\r\n1,,\r\n3,2,\r\n,,\r\n,5,4\r\n");
}

TEST(ConversionTest, OfANameTwiceTheLastCounts) {
  EXPECT_EQ(csv(R"([{"a":1,"a":2}])"), "a\r\n2\r\n");
}

TEST(ConversionTest, NullIsNothingAndAnEmptyStringIsQuoted) {
  EXPECT_EQ(csv(R"([{"a":null,"b":"","c":true,"d":false}])"), "a,b,c,d\r\n,\"\",true,false\r\n");
}

TEST(ConversionTest, NoRowIsAnEmptyLine) {
  EXPECT_EQ(csv(R"([{"a":1},{"a":null},{}])"), "a\r\n1\r\n\"\"\r\n\"\"\r\n");
}

TEST(ConversionTest, NoRowIsAnEmptyLineThoughAPieceBeginsWithIt) {
  Conversion conversion(R"([{"a":1},{"a":null},{"a":2}])", Format::csv, {});
  while (!conversion.survey(1).value()) {
  }
  std::string all;
  for (bool ended = false; !ended;) {
    std::string piece;
    ended = conversion.write(piece, 1);
    all += piece;
  }
  EXPECT_EQ(all, "a\r\n1\r\n\"\"\r\n2\r\n");
}

TEST(ConversionTest, QuotesWhereRfc4180AsksForIt) {
  EXPECT_EQ(csv(R"([{"a":"Smith, Jones & Co","b":"a \"quote\"","c":"two\nlines","d":" edge"}])"),
            "a,b,c,d\r\n\"Smith, Jones & Co\",\"a \"\"quote\"\"\",\"two\nlines\",\" edge\"\r\n");
}

TEST(ConversionTest, TextThatCouldBeTakenForANumberIsQuoted) {
  EXPECT_EQ(
      csv(R"([{"a":"12345678901234567","b":"007","c":"-1.5e3","d":"1,000","e":"2026-11-29","f":"e5"}])"),
      "a,b,c,d,e,f\r\n\"12345678901234567\",\"007\",\"-1.5e3\",\"1,000\",2026-11-29,e5\r\n");
}

TEST(ConversionTest, EscapesAreReadAsTheirText) {
  EXPECT_EQ(csv(R"([{"a":"caf\u00e9 \uD83D\uDE00 \/ \t"}])"), "a\r\ncaf\xC3\xA9 \xF0\x9F\x98\x80 / \t\r\n");
  EXPECT_EQ(csv(R"([{"a":"\ud800x","b":"\udc00","c":"\ud800\u0041"}])"),
            "a,b,c\r\n\xEF\xBF\xBDx,\xEF\xBF\xBD,\xEF\xBF\xBD\x41\r\n");
}

TEST(ConversionTest, NestedValuesStayJson) {
  EXPECT_EQ(csv(R"([{"a":{"b": [1, 2]},"c":[]}])"), "a,c\r\n\"{\"\"b\"\": [1, 2]}\",[]\r\n");
}

TEST(ConversionTest, WithoutRowsThereAreNoColumns) {
  EXPECT_EQ(csv(R"({"items":[]})"), "");
  EXPECT_EQ(csv("[{},{}]"), "");
  EXPECT_EQ(converted("[]", Format::csv, {{"route", "summary"}}).text, "route\r\n");
  EXPECT_EQ(converted("[{}]", Format::csv, {{"route", "summary"}, {"currency", ""}}).text,
            "route,currency\r\nsummary,\r\n");
}

TEST(ConversionTest, AddedColumnsComeLastInEachRow) {
  const std::vector<AddedColumn> added = {{"fetched_at", "2026-11-29T08:15:00Z"}, {"currency", ""}};
  EXPECT_EQ(converted(R"([{"a":1},{"a":2}])", Format::csv, added).text,
            "a,fetched_at,currency\r\n1,2026-11-29T08:15:00Z,\r\n2,2026-11-29T08:15:00Z,\r\n");
  EXPECT_EQ(converted(R"([{"a":1},{}])", Format::ndjson, added).text,
            "{\"a\":1,\"fetched_at\":\"2026-11-29T08:15:00Z\",\"currency\":null}\n"
            "{\"fetched_at\":\"2026-11-29T08:15:00Z\",\"currency\":null}\n");
}

TEST(ConversionTest, AnAddedColumnTakesNoNameOfTheAnswers) {
  EXPECT_EQ(converted(R"([{"currency":"USD"}])", Format::csv, {{"currency", "AUD"}}).text,
            "currency,roktcached_currency\r\nUSD,AUD\r\n");
  EXPECT_EQ(
      converted(R"([{"a":1},{"currency":"USD"}])", Format::ndjson, {{"currency", "AUD"}}).text,
      "{\"a\":1,\"roktcached_currency\":\"AUD\"}\n{\"currency\":\"USD\",\"roktcached_currency\":\"AUD\"}\n");
}

TEST(ConversionTest, ARowIsOneLineOfNdjsonAndElseAsItWas) {
  EXPECT_EQ(ndjson("{\"items\": [ {\"a\" : 1.10,\r\n \"b\": \"x \\\" y\", \"c\": [ 1 ,\t2 "
                   "]},\n{\"a\":\"\\u0041\"} ]}"),
            "{\"a\":1.10,\"b\":\"x \\\" y\",\"c\":[1,2]}\n{\"a\":\"\\u0041\"}\n");
  EXPECT_EQ(ndjson(R"({"items":[]})"), "");
}

TEST(ConversionTest, ASpreadsheetGetsAByteOrderMarkAndNoFormulas) {
  EXPECT_EQ(for_excel(R"([{"a":"=1+1","b":"+x","c":"-x","d":"@x","e":"\tx","f":-5,"g":"-5"}])"),
            "\xEF\xBB\xBF"
            "a,b,c,d,e,f,g\r\n\"'=1+1\",\"'+x\",\"'-x\",\"'@x\",\"'\tx\",-5,\"-5\"\r\n");
  EXPECT_EQ(csv(R"([{"a":"=1+1"}])"), "a\r\n=1+1\r\n");
}

TEST(ConversionTest, ASpreadsheetGetsDigitsThatItCannotHoldAsText) {
  EXPECT_EQ(
      for_excel(
          R"([{"a":12345678901234567,"b":"12345678901234567","c":123456789012345,"d":16659.626000000001}])"),
      "\xEF\xBB\xBF"
      "a,b,c,d\r\n\"=\"\"12345678901234567\"\"\",\"=\"\"12345678901234567\"\"\",123456789012345,"
      "16659.626000000001\r\n");
}

TEST(ConversionTest, StepsOfAnyLengthComeToTheSame) {
  const std::string body =
      R"({"x":1,"items":[{"a":1,"b":"text, more"},{"c":[1,{"d":"]"}]},{"b":null}],"y":{}})";
  for (const Format format : {Format::csv, Format::csv_spreadsheet, Format::ndjson}) {
    const std::string whole = converted(body, format, {{"route", "r"}}).text;
    for (const std::size_t step : {1U, 2U, 7U, 20U})
      EXPECT_EQ(converted(body, format, {{"route", "r"}}, step).text, whole);
  }
}

TEST(ConversionTest, AStepWritesNoMoreThanItMayThoughRowsAreShort) {
  std::string body = "[{";
  for (int i = 0; i < 1000; ++i) body += (i == 0 ? "\"n" : ",\"n") + std::to_string(i) + "\":1";
  body += "}";
  for (int i = 0; i < 1000; ++i) body += ",{}";
  body += "]";
  Conversion conversion(body, Format::csv, {});
  while (!conversion.survey(100000).value()) {
  }
  std::string text;
  EXPECT_FALSE(conversion.write(text, 10000));
  EXPECT_LT(text.size(), 20000U);
}

TEST(ConversionTest, WhatIsNoTableIsRefusedWithTheReason) {
  const auto refused = [](std::string_view body) { return converted(body, Format::csv).refused; };
  EXPECT_THAT(refused(R"(["a"])"), HasSubstr("element 1 of it is a string"));
  EXPECT_THAT(refused(R"({"items":[{"a":1},[2]]})"), HasSubstr("element 2 of it is an array"));
  EXPECT_THAT(refused(R"([{"a":1},7])"), HasSubstr("element 2 of it is a number"));
  EXPECT_THAT(refused(R"([null])"), HasSubstr("null"));
  EXPECT_THAT(refused(R"({"items":[]} {"a":2})"), HasSubstr("more than one JSON value"));
  EXPECT_THAT(refused(R"({"a":1},[2])"), HasSubstr("element 2 of it is an array"));
  EXPECT_THAT(refused(R"([{"a":1}],[{"a":2}])"), HasSubstr("more than one JSON value"));
  EXPECT_THAT(refused(R"({"items":[{"a":1})"), HasSubstr("breaks off"));
  EXPECT_THAT(refused(R"([{"a":1}])"), "");
  std::string wide = "[{";
  for (std::size_t i = 0; i <= Columns::most; ++i)
    wide += (i == 0 ? "\"n" : ",\"n") + std::to_string(i) + "\":1";
  EXPECT_THAT(refused(wide + "}]"), HasSubstr("more than 4096 columns"));
}

TEST(ConversionTest, TextThatBreaksOffAnywhereEndsWithoutHarm) {
  const std::string body = R"({"items":[{"a":"x\u00e9\"","b":{"c":[1,2]}},{"a":null}],"y":"z"} )";
  for (std::size_t length = 0; length < body.size(); ++length) {
    for (const Format format : {Format::csv, Format::ndjson}) {
      const std::string part = body.substr(0, length);
      const Converted result = converted(part, format, {}, 3);
      EXPECT_TRUE(!result.refused.empty() || result.text.empty() || length >= body.size() - 1) << part;
    }
  }
}

}  // namespace
}  // namespace roktcached::formats
