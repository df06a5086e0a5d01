#include "server/http/status_line.h"

#include <gtest/gtest.h>

#include <limits>

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

}  // namespace
}  // namespace roktcached::http
