#include "core/http/range.h"

#include <gtest/gtest.h>

namespace roktcached::http {
namespace {

using Kind = RangeRequest::Kind;
const WallTime now = wall_time_from_unix_ms(1'790'000'000'000);

RangeRequest range(const char* value, std::uint64_t length = 10, const char* if_range = nullptr,
                   const char* date = "Sun, 06 Nov 1994 08:49:38 GMT") {
  Fields request;
  request.add("Range", value);
  if (if_range != nullptr) request.add("If-Range", if_range);
  Fields stored;
  stored.add("ETag", "\"a\"");
  stored.add("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT");
  if (date != nullptr) stored.add("Date", date);
  return range_of(request, stored, length, now);
}

TEST(Range, OfOneSpecIsReadAgainstTheLength) {
  struct Case {
    const char* value;
    std::uint64_t first;
    std::uint64_t last;
  };
  for (const Case& one :
       {Case{"bytes=0-0", 0, 0}, Case{"bytes=0-1", 0, 1}, Case{"bytes=1-", 1, 9}, Case{"bytes=9-", 9, 9},
        Case{"bytes=2-99", 2, 9}, Case{"bytes=-1", 9, 9}, Case{"bytes=-99", 0, 9}, Case{"BYTES=3-4", 3, 4},
        Case{"bytes=0-99999999999999999999999", 0, 9}}) {
    const RangeRequest read = range(one.value);
    EXPECT_EQ(read.kind, Kind::satisfiable) << one.value;
    EXPECT_EQ(read.first, one.first) << one.value;
    EXPECT_EQ(read.last, one.last) << one.value;
  }
}

TEST(Range, BeyondTheEndIsUnsatisfiable) {
  for (const char* value : {"bytes=10-", "bytes=10-20", "bytes=-0", "bytes=99999999999999999999999-"})
    EXPECT_EQ(range(value).kind, Kind::unsatisfiable) << value;
  EXPECT_EQ(range("bytes=0-", 0).kind, Kind::unsatisfiable);
  EXPECT_EQ(range("bytes=-1", 0).kind, Kind::unsatisfiable);
}

TEST(Range, ThatIsMalformedSeveralOrOfAnotherUnitIsIgnored) {  // RFC 9110, section 14.2
  for (const char* value : {"", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=1-a", "bytes=5-4",
                            "bytes=0-1,3-4", "bytes=+1-2", "lines=0-1", "0-1", "bytes=1 - 2"})
    EXPECT_EQ(range(value).kind, Kind::none) << value;
}

TEST(Range, CountsOnlyWhereIfRangeNamesWhatIsStored) {  // RFC 9110, section 13.1.5
  EXPECT_EQ(range("bytes=0-1", 10, "\"a\"").kind, Kind::satisfiable);
  EXPECT_EQ(range("bytes=0-1", 10, "Sun, 06 Nov 1994 08:49:37 GMT").kind, Kind::satisfiable);
  for (const char* other : {"\"b\"", "W/\"a\"", "Sun, 06 Nov 1994 08:49:38 GMT", "x"})
    EXPECT_EQ(range("bytes=0-1", 10, other).kind, Kind::none) << other;
}

TEST(Range, DoesNotCountByADateInWhoseSecondTheContentMayHaveChanged) {  // RFC 9110, section 8.8.2.2
  const char* const modified = "Sun, 06 Nov 1994 08:49:37 GMT";
  for (const char* date : {modified, "Sun, 06 Nov 1994 08:49:36 GMT", "x"})
    EXPECT_EQ(range("bytes=0-1", 10, modified, date).kind, Kind::none) << date;
  EXPECT_EQ(range("bytes=0-1", 10, modified, nullptr).kind, Kind::none) << "nobody knows";
  EXPECT_EQ(range("bytes=0-1", 10, "\"a\"", modified).kind, Kind::satisfiable);
}

TEST(Range, NeverCountsForAWeakTag) {  // RFC 9110, section 13.1.5: If-Range compares strongly
  Fields request;
  request.add("Range", "bytes=0-1");
  request.add("If-Range", "W/\"a\"");
  Fields stored;
  stored.add("ETag", "W/\"a\"");
  EXPECT_EQ(range_of(request, stored, 10, now).kind, Kind::none);
}

}  // namespace
}  // namespace roktcached::http
