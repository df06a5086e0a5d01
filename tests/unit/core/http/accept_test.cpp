#include "core/http/accept.h"

#include <gtest/gtest.h>

namespace roktcached::http {
namespace {

Wanted csv(std::string_view accept) {
  Fields fields;
  fields.add("Accept", accept);
  return wanted(fields, "text/csv");
}

TEST(AcceptTest, TheMostSpecificRangeCounts) {
  EXPECT_EQ(csv("text/csv").quality, 1000);
  EXPECT_EQ(csv("*/*;q=0.1, text/*;q=0.5, Text/CSV;q=0.25").quality, 250);
  EXPECT_EQ(csv("*/*;q=0.1, text/*;q=0.5").quality, 500);
  EXPECT_EQ(csv("*/*;q=0.1, image/*").quality, 100);
  EXPECT_EQ(csv("text/plain").quality, 0);
  EXPECT_EQ(csv("text/csv;header=present;q=0.7").quality, 700);
  EXPECT_EQ(csv("text/csv;q=nonsense, */*").quality, 0);
  EXPECT_EQ(csv("").quality, 0);
}

TEST(AcceptTest, AWildcardDoesNotNameAType) {
  EXPECT_TRUE(csv("application/json, text/csv;q=0.9").named);
  EXPECT_FALSE(csv("text/*").named);
  EXPECT_FALSE(csv("*/*").named);
}

TEST(AcceptTest, WithoutTheFieldEverythingIsWelcome) {
  EXPECT_EQ(wanted(Fields(), "text/csv").quality, 1000);
  EXPECT_FALSE(wanted(Fields(), "text/csv").named);
}

TEST(AcceptTest, ItsLinesAreOneList) {
  Fields fields;
  fields.add("Accept", "application/json;q=0.5");
  fields.add("accept", "text/csv");
  EXPECT_EQ(wanted(fields, "text/csv").quality, 1000);
  EXPECT_EQ(wanted(fields, "application/json").quality, 500);
}

}  // namespace
}  // namespace roktcached::http
