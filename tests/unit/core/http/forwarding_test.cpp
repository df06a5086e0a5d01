#include "core/http/forwarding.h"

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

TEST(Via, IsAppendedTo) {  // RFC 9110, section 7.6.3
  EXPECT_EQ(via_with("", "1.1", "us"), "1.1 us");
  EXPECT_EQ(via_with("1.0 fred, 1.1 p.example.net (Apache/1.1)", "1.0", "us"),
            "1.0 fred, 1.1 p.example.net (Apache/1.1), 1.0 us");
}

TEST(Via, NamesTheProxiesThatItShows) {
  for (const char* via : {"1.1 us-1", "1.1 US-1", "1.0 fred, 1.1 us-1", "1.1 us-1 (a comment), 1.1 x",
                          "HTTP/1.1 us-1", "1.1\tus-1", ",, 1.1  us-1 ,", "2 us-1"})
    EXPECT_TRUE(via_names(via, "us-1")) << via;
  for (const char* via : {"", "1.1", "us-1", "1.1 us", "1.1 us-12", "1.1 us-1:80", "1.1 x (us-1)",
                          "1.1 x us-1", "1.1 \"us-1\""})
    EXPECT_FALSE(via_names(via, "us-1")) << via;
}

TEST(Via, OfKinHasNothingElseThatAClientMayWrite) {
  EXPECT_EQ(via_of_kin("1.1 us-0a1b", "us-"), "1.1 us-0a1b");
  EXPECT_EQ(
      via_of_kin("1.1 x, 1.0 us-1 (what ever), 1.1 US-2, 1.1 us-, 1.1 us-g, 9.9 us-3, x/1.1 us-4", "us-"),
      "1.0 us-1, 1.1 US-2");
  EXPECT_EQ(via_of_kin("", "us-"), "");
  EXPECT_EQ(via_of_kin("1.1 us-" + std::string(33, 'a'), "us-"), "") << "too long to be one of ours";
  std::string many;
  for (int i = 0; i < 1000; ++i) many = via_with(many, "1.1", "us-" + std::to_string(i % 10));
  EXPECT_EQ(via_of_kin(many, "us-").size(), 16 * std::string("1.1 us-0, ").size() - 2);
}

}  // namespace
}  // namespace roktcached::http
