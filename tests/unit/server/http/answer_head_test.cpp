#include "server/http/answer_head.h"

#include <gtest/gtest.h>

#include <limits>

#include "core/http/date.h"
#include "server/http/answer_writer.h"
#include "server/http/problem.h"

namespace roktcached::http {
namespace {

std::string line_of(unsigned status) {
  std::string head = "before\r\n";
  append_status_line(head, status);
  return head.substr(8);
}

TEST(StatusLine, SaysStatusAndReason) {
  EXPECT_EQ(line_of(200), "HTTP/1.1 200 OK\r\n");
  EXPECT_EQ(line_of(103), "HTTP/1.1 103 Early Hints\r\n");
  EXPECT_EQ(line_of(503), "HTTP/1.1 503 Service Unavailable\r\n");
}

/// The space stays (RFC 9112, section 4).
TEST(StatusLine, OfAStatusThatNobodyHasNamedHasNoReason) {
  EXPECT_EQ(line_of(299), "HTTP/1.1 299 \r\n");
  EXPECT_EQ(line_of(999), "HTTP/1.1 999 \r\n");
}

TEST(StatusLine, ThatIsKeptReadyIsTheOneThatWouldBeMade) {
  for (unsigned status = 100; status < 1000; ++status) {
    const std::string made =
        "HTTP/1.1 " + std::to_string(status) + " " + std::string(reason_of(status)) + "\r\n";
    EXPECT_EQ(line_of(status), made);
  }
}

TEST(NumberField, HasAllDigits) {
  std::string head;
  append_field(head, "Content-Length", 0);
  append_field(head, "Content-Length", 1234567890);
  append_field(head, "X", std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(head, "Content-Length: 0\r\nContent-Length: 1234567890\r\nX: 18446744073709551615\r\n");
}

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
