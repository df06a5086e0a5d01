#include "core/http/vary.h"

#include <gtest/gtest.h>

namespace roktcached::http {
namespace {

using Names = std::vector<std::string>;

Vary vary_of(std::initializer_list<const char*> values) {
  Fields response;
  for (const char* value : values) response.add("Vary", value);
  return parse_vary(response);
}

std::string selected(const Names& names, std::initializer_list<Field> fields) {
  Fields request;
  for (const auto& field : fields) request.add(field.name, field.value);
  return selecting_values(names, request);
}

TEST(ParseVary, SortsLowersAndDropsWhatIsRepeated) {
  EXPECT_EQ(vary_of({"Foo, bar", "FOO"}).names, (Names{"bar", "foo"}));
  EXPECT_TRUE(vary_of({}).names.empty());
}

TEST(ParseVary, FindsAStarAnywhere) {
  for (const auto& values :
       {std::initializer_list<const char*>{"*"}, {"*, *"}, {"", "*"}, {", *"}, {"Foo, *"}, {"*", "Foo"}})
    EXPECT_TRUE(vary_of(values).any);
  EXPECT_FALSE(vary_of({"Foo"}).any);
}

TEST(SelectingValues, TellRequestsApart) {
  const Names foo = {"foo"};
  EXPECT_NE(selected(foo, {{"Foo", "1"}}), selected(foo, {{"Foo", "2"}}));
  EXPECT_NE(selected(foo, {{"Foo", ""}}), selected(foo, {}));
  EXPECT_NE(selected({"a", "b"}, {{"a", "x"}}), selected({"a", "b"}, {{"b", "x"}}));
  // Text inside a value that looks like another field is none.
  EXPECT_NE(selected({"a", "b"}, {{"a", "1&b=2"}}), selected({"a", "b"}, {{"a", "1"}, {"b", "2"}}));
  EXPECT_NE(selected({"a", "b"}, {{"a", "1&b:2"}}), selected({"a", "b"}, {{"a", "1"}, {"b", "2"}}));
  EXPECT_NE(selected({"a"}, {{"a", "1:2"}}), selected({"a"}, {{"a", "1"}, {"a", "2"}}));
}

/// The line that they stand in has separators of its own, and a mark of what was one of these.
TEST(SelectingValues, AreNeverTakenForSeparators) {
  EXPECT_EQ(selected({"a"}, {{"a", "%&=:"}}), "a:%25%26%3d%3a");
  EXPECT_EQ(selected({"accept"}, {{"Accept", "%&=:"}}), "accept=%25%26%3d%3a");
  for (const char* octet : {"%", "&", "=", ":"}) {
    const std::string escaped = selected({"a"}, {{"a", octet}}).substr(2);
    EXPECT_NE(selected({"a"}, {{"a", escaped}}), selected({"a"}, {{"a", octet}}))
        << "what is sent escaped is another value than " << octet;
  }
}

TEST(SelectingValues, OfAListAreItsMembers) {
  for (const char* name : {"Accept", "accept-encoding", "ACCEPT-CHARSET", "Cache-Control", "If-None-Match",
                           "Forwarded", "Prefer", "Accept-Language"}) {
    const Names names = {parse_vary([&] {
                           Fields response;
                           response.add("Vary", name);
                           return response;
                         }())
                             .names};
    const std::string two = selected(names, {{name, "a, b"}});
    for (const char* same : {"a,b", "a ,\tb", " a, ,b ,"})
      EXPECT_EQ(selected(names, {{name, same}}), two) << name << same;
    EXPECT_EQ(selected(names, {{name, "a"}, {name, "b"}}), two) << name;
    EXPECT_NE(selected(names, {{name, "a b"}}), two) << name;
    EXPECT_NE(selected(names, {{name, "\"a, b\""}}), two) << name << ": a comma in quotes parts nothing";
    EXPECT_NE(selected(names, {{name, "a"}}), two) << name;
  }
  EXPECT_NE(selected({"accept"}, {{"Accept", "a, b"}}), selected({"accept"}, {{"Accept", "b, a"}}));
  EXPECT_NE(selected({"accept"}, {{"Accept", "a"}}), selected({"accept"}, {{"Accept", "A"}}));
}

/// Nobody but who defined a field can say that two of its values mean the same (RFC 9111, section 4.1).
TEST(SelectingValues, OfAnyOtherFieldAreAsTheyCame) {
  for (const char* name :
       {"user-agent", "referer", "cookie", "authorization", "x-custom", "origin", "date", "range", "from"}) {
    const std::vector<std::vector<const char*>> different = {{"a, b"},   {"a,b"},   {"a"},     {"a", "b"},
                                                             {"b", "a"}, {"a", ""}, {"", "a"}, {""},
                                                             {"A"},      {"a,,b"},  {"a; b"},  {"a;b"}};
    std::vector<std::string> seen = {selected({name}, {})};
    for (const auto& lines : different) {
      Fields request;
      for (const char* line : lines) request.add(name, line);
      seen.push_back(selecting_values({name}, request));
      for (std::size_t i = 0; i + 1 < seen.size(); ++i) EXPECT_NE(seen[i], seen.back()) << name;
    }
  }
  EXPECT_EQ(selected({"foo"}, {{"Foo", "1"}, {"Other", "2"}}), selected({"foo"}, {{"Foo", "1"}}));
}

TEST(SelectingValues, OfLanguagesKnowNoOrderCaseOrSpaces) {
  const Names language = {"accept-language"};
  const std::string wish = selected(language, {{"Accept-Language", "en, de;q=0.5"}});
  for (const char* same : {"de;q=0.5, en", "EN,DE;Q=0.5", " en ,  de ; q=0.5 "})
    EXPECT_EQ(selected(language, {{"Accept-Language", same}}), wish) << same;
  for (const char* other : {"en, de", "en", "de;q=0.5", "en, de;q=0.6", "e n, de;q=0.5", "en, de;q=0. 5"})
    EXPECT_NE(selected(language, {{"Accept-Language", other}}), wish) << other;
}

}  // namespace
}  // namespace roktcached::http
