#include "server/http/date_field.h"

#include <gtest/gtest.h>

#include "core/http/date.h"
#include "server/http/answer_writer.h"
#include "server/http/problem.h"

namespace roktcached::http {
namespace {

constexpr WallTime example = wall_time_from_unix_ms(784'111'777'000);

Answer answer_with(std::string head, std::string_view shared = {}) {
  Answer answer;
  answer.head = std::move(head);
  answer.shared_head = shared;
  return answer;
}

TEST(DateField, IsFoundInEitherPartOfTheHead) {
  EXPECT_TRUE(has_date(answer_with("Date: x\r\n")));
  EXPECT_TRUE(has_date(answer_with("ETag: \"a\"\r\ndate: x\r\nAge: 1\r\n")));
  EXPECT_TRUE(has_date(answer_with("ETag: \"a\"\r\n", "X: y\r\nDATE: x\r\n")));
}

TEST(DateField, IsNotWhatLooksLikeIt) {
  for (const char* head :
       {"", "Age: 1\r\n", "X-Date: x\r\n", "X: Date: x\r\n", "Dates: x\r\n", "Last-Modified: x\r\n"})
    EXPECT_FALSE(has_date(answer_with(head, head))) << head;
}

TEST(DateField, IsAnHttpDate) {
  std::string head = "A: b\r\n";
  append_date(head, example);
  EXPECT_EQ(head, "A: b\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
}

}  // namespace
}  // namespace roktcached::http
