#include "core/http/fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "core/http/field_section.h"

namespace roktcached::http {
namespace {

using testing::ElementsAre;

TEST(Fields, NamesIgnoreCaseAndRepeatedLinesCombine) {
  Fields fields;
  fields.add("Accept", "a");
  fields.add("X", "1");
  fields.add("ACCEPT", "b");
  EXPECT_EQ(*fields.find("accept"), "a");
  EXPECT_EQ(fields.count("Accept"), 2U);
  EXPECT_EQ(fields.combined("accept"), "a, b");
  fields.set("accept", "c");
  EXPECT_EQ(fields.combined("Accept"), "c");
  fields.remove("ACCEPT");
  EXPECT_FALSE(fields.contains("Accept"));
  EXPECT_EQ(fields.to_lines(), "X: 1\r\n");
}

TEST(ListMembers, SplitAtCommasOutsideQuotes) {
  EXPECT_THAT(list_members(" a , \"b,c\" ,, d"), ElementsAre("a", "\"b,c\"", "d"));
  EXPECT_THAT(list_members("\"a\\\",b\", c"), ElementsAre("\"a\\\",b\"", "c"));
  EXPECT_THAT(list_members(""), ElementsAre());
  EXPECT_THAT(list_members("\"open, end"), ElementsAre("\"open, end"));
  EXPECT_THAT(list_members("\"open\\"), ElementsAre("\"open\\"));
}

TEST(Token, IsNonEmptyAndOfTokenCharacters) {
  EXPECT_TRUE(is_token("alpha-20200701"));
  for (const std::string_view bad : {"", "a b", "a\"", "a/b", "\xc3"}) EXPECT_FALSE(is_token(bad)) << bad;
}

TEST(HopByHop, FieldsOfOneConnectionAreKnown) {
  for (const char* name : {"connection", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade",
                           "Proxy-Authorization", "http2-settings"}) {
    EXPECT_TRUE(is_hop_by_hop(name)) << name;
  }
  EXPECT_FALSE(is_hop_by_hop("Content-Type"));
}

TEST(HopByHop, FieldsThatConnectionNominatesAreKnown) {
  Fields fields;
  fields.add("Connection", "close, X-Private");
  fields.add("connection", "keep-alive,x-other");
  const HopByHopFields hop_by_hop(fields);
  for (const char* name : {"x-private", "X-Other", "close", "Keep-Alive", "Upgrade", "connection"})
    EXPECT_TRUE(hop_by_hop.contain(name)) << name;
  EXPECT_FALSE(hop_by_hop.contain("x-public"));
  EXPECT_FALSE(HopByHopFields(Fields()).contain("x-private"));
}

TEST(EqualIgnoringCase, LooksAtEveryLetterWhateverTheLength) {
  for (std::size_t size = 0; size <= 25; ++size) {
    const std::string lower(size, 'k');
    const std::string upper(size, 'K');
    EXPECT_TRUE(equal_ignoring_case(lower, lower)) << size;
    EXPECT_TRUE(equal_ignoring_case(lower, upper)) << size;
    EXPECT_FALSE(equal_ignoring_case(lower, lower + "k")) << size;
    for (std::size_t at = 0; at < size; ++at) {
      std::string other = lower;
      other[at] = 'l';
      EXPECT_FALSE(equal_ignoring_case(lower, other)) << size << ", " << at;
      other[at] = 'K';
      EXPECT_TRUE(equal_ignoring_case(lower, other)) << size << ", " << at;
    }
  }
  EXPECT_FALSE(equal_ignoring_case("[", "{"));
  EXPECT_FALSE(equal_ignoring_case("Content-Lengt@", "Content-Lengt`"));
}

TEST(FieldNames, AreFoundInAnyCase) {
  constexpr FieldNames names("Date", "ETag", "X-Request-Id");
  for (const char* name : {"Date", "DATE", "etag", "x-request-ID"}) EXPECT_TRUE(names.contain(name)) << name;
  for (const char* name : {"", "Dat", "Dates", "data", "X-Request-Ix"})
    EXPECT_FALSE(names.contain(name)) << name;
}

TEST(FieldNames, AreToldFromOthersOfTheSameMark) {
  ASSERT_EQ(detail::mark_of("Age"), detail::mark_of("Date"));
  ASSERT_EQ(detail::mark_of("data"), detail::mark_of("Date"));
  constexpr FieldNames names("Date", "Via", "Age");
  for (const char* name : {"Date", "Age", "Via"}) EXPECT_TRUE(names.contain(name)) << name;
  for (const char* name : {"data", "ago", "vie"}) EXPECT_FALSE(names.contain(name)) << name;
  EXPECT_FALSE(FieldNames("Age").contain("Date"));
}

TEST(Fields, RemoveTakesSeveralNames) {
  Fields fields;
  fields.add("Date", "1");
  fields.add("Server", "2");
  fields.add("etag", "3");
  fields.add("date", "4");
  fields.remove(FieldNames("Date", "ETag"));
  EXPECT_EQ(fields.to_lines(), "Server: 2\r\n");
  fields.remove(FieldNames("Date", "X-Absent"));
  EXPECT_EQ(fields.to_lines(), "Server: 2\r\n");
}

TEST(FieldNamesOfAnyLength, AreComparedWithoutCase) {
  for (std::size_t size = 0; size <= 26; ++size) {
    const std::string name = std::string("abcdefghijklmnopqrstuvwxyz").substr(0, size);
    EXPECT_TRUE(equal_ignoring_case(name, name));
    EXPECT_FALSE(equal_ignoring_case(name, name + "a"));
    for (std::size_t at = 0; at < size; ++at) {
      std::string other = name;
      other[at] = static_cast<char>(name[at] - 'a' + 'A');
      EXPECT_TRUE(equal_ignoring_case(name, other)) << other;
      EXPECT_TRUE(equal_ignoring_case(other, name)) << other;
      for (const char c : {'-', '@', '[', '`', '{', '\0', '\x80'}) {
        other[at] = c;
        EXPECT_FALSE(equal_ignoring_case(name, other)) << other;
      }
    }
  }
  EXPECT_FALSE(equal_ignoring_case("@", "`"));
  EXPECT_FALSE(equal_ignoring_case("[", "{"));
}

TEST(Fields, AddTakesViewsIntoItself) {
  Fields fields;
  fields.add("A", std::string(300, 'a'));
  for (int i = 0; i < 10; ++i) fields.add(*fields.find("A"), *fields.find("A"));
  EXPECT_EQ(fields.count(std::string(300, 'a')), 10U);
  EXPECT_EQ(fields.find(std::string(300, 'A')), std::string(300, 'a'));
}

TEST(Fields, AssignTakesLinesOutOfOneText) {
  const std::string text = "Host: a\r\nEmpty:\r\nX-Other:  b c \r\n\r\n";
  const std::string_view view = text;
  const std::vector<FieldLine> lines = {
      {view.substr(0, 4), view.substr(6, 1)},
      {view.substr(9, 5), view.substr(15, 0)},
      {view.substr(17, 7), view.substr(27, 3)},
  };
  Fields fields;
  fields.add("Gone", "1");
  fields.assign(lines);
  EXPECT_EQ(fields.to_lines(), "Host: a\r\nEmpty: \r\nX-Other: b c\r\n");
  EXPECT_FALSE(fields.contains("Gone"));
  fields.add("Later", "d");
  EXPECT_EQ(fields.find("later"), "d");
  EXPECT_EQ(fields.find("host"), "a");
  fields.assign(std::vector<FieldLine>());
  EXPECT_TRUE(fields.empty());
}

TEST(Fields, ClearMakesThemAsNew) {
  Fields fields;
  fields.add("A", "1");
  fields.clear();
  EXPECT_TRUE(fields.empty());
  EXPECT_FALSE(fields.contains("A"));
  EXPECT_EQ(fields.all().size(), 0U);
  fields.add("B", "2");
  EXPECT_EQ(fields.to_lines(), "B: 2\r\n");
}

}  // namespace
}  // namespace roktcached::http
