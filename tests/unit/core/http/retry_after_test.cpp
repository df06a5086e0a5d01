#include "core/http/date.h"

#include <gtest/gtest.h>

namespace roktcached::http {
namespace {

using namespace std::chrono_literals;

const WallTime now = wall_time_from_unix_ms(784'111'777'000);  // Sun, 06 Nov 1994 08:49:37 GMT

std::optional<std::chrono::milliseconds> read(std::string_view value) {
  Fields fields;
  fields.add("Retry-After", value);
  return retry_after_of(fields, now);
}

TEST(RetryAfter, IsSecondsOrADate) {
  EXPECT_EQ(read("120"), 120s);
  EXPECT_EQ(read(" 0 "), 0s);
  EXPECT_EQ(read("Sun, 06 Nov 1994 08:50:37 GMT"), 60s);
  EXPECT_EQ(read("Sun, 06 Nov 1994 08:48:37 GMT"), 0s) << "that has passed";
  EXPECT_EQ(read("99999999999999999999"), std::chrono::seconds{std::int64_t{1} << 31});
}

TEST(RetryAfter, AnythingElseIsNone) {
  for (const char* value : {"", "-1", "1.5", "soon", "1, 2", "+1"}) EXPECT_FALSE(read(value)) << value;
  Fields twice;
  EXPECT_FALSE(retry_after_of(twice, now));
  twice.add("Retry-After", "1");
  twice.add("Retry-After", "2");
  EXPECT_FALSE(retry_after_of(twice, now));
}

}  // namespace
}  // namespace roktcached::http
