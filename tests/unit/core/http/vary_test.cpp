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
  // What looks like another field inside a value is not one.
  EXPECT_NE(selected({"a", "b"}, {{"a", "1&b=2"}}), selected({"a", "b"}, {{"a", "1"}, {"b", "2"}}));
}

TEST(SelectingValues, AreEqualWhereTheMeaningIs) {
  const Names foo = {"foo"};
  EXPECT_EQ(selected(foo, {{"Foo", "1, 2"}}), selected(foo, {{"foo", "1"}, {"Foo", "2"}}));
  EXPECT_EQ(selected(foo, {{"Foo", "1,2"}}), selected(foo, {{"Foo", " 1, 2 "}}));
  EXPECT_EQ(selected(foo, {{"Foo", "1"}, {"Other", "2"}}), selected(foo, {{"Foo", "1"}}));
}

TEST(SelectingValues, OfLanguagesKnowNoOrderCaseOrSpaces) {
  const Names language = {"accept-language"};
  const std::string wish = selected(language, {{"Accept-Language", "en, de;q=0.5"}});
  for (const char* same : {"de;q=0.5, en", "EN,DE;Q=0.5", " en ,  de ; q=0.5 "})
    EXPECT_EQ(selected(language, {{"Accept-Language", same}}), wish) << same;
  for (const char* other : {"en, de", "en", "de;q=0.5", "en, de;q=0.6"})
    EXPECT_NE(selected(language, {{"Accept-Language", other}}), wish) << other;
}

}  // namespace
}  // namespace roktcached::http
