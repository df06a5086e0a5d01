#include "core/http/max_forwards.h"

#include <gtest/gtest.h>

namespace roktcached::http {
namespace {

std::optional<std::uint32_t> read(std::string_view method, std::initializer_list<const char*> lines) {
  Fields request;
  for (const char* line : lines) request.add("max-forwards", line);
  return max_forwards(method, request);
}

TEST(MaxForwards, CountsForOptionsAndTraceAlone) {  // RFC 9110, section 7.6.2
  for (const char* method : {"OPTIONS", "TRACE"}) {
    EXPECT_EQ(read(method, {"0"}), 0U);
    EXPECT_EQ(read(method, {" 007 "}), 7U);
    EXPECT_EQ(read(method, {}), std::nullopt);
  }
  for (const char* method : {"GET", "HEAD", "POST", "options"}) EXPECT_EQ(read(method, {"0"}), std::nullopt);
}

TEST(MaxForwards, ThatIsTooLargeIsTheLargest) {
  EXPECT_EQ(read("OPTIONS", {"4294967295"}), 4294967295U);
  EXPECT_EQ(read("OPTIONS", {"4294967296"}), 4294967295U);
  EXPECT_EQ(read("OPTIONS", {"99999999999999999999999"}), 4294967295U);
}

TEST(MaxForwards, ThatIsNoNumberDoesNotCount) {
  for (const char* value : {"", "-1", "+1", "1.0", "0x1", "1 2", "1, 2", "one"})
    EXPECT_EQ(read("OPTIONS", {value}), std::nullopt) << value;
  EXPECT_EQ(read("OPTIONS", {"1", "1"}), std::nullopt);
}

}  // namespace
}  // namespace roktcached::http
