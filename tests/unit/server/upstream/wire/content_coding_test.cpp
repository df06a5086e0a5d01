#include "server/upstream/wire/content_coding.h"

#include <gmock/gmock.h>
#include <zlib.h>

namespace roktcached::upstream {
namespace {

using testing::HasSubstr;
using testing::StrEq;

constexpr std::uint64_t large = 1 << 20;

std::string gzip(std::string text, int window = 15 + 16) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY);
  std::string compressed(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(text.data());
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(compressed.data());
  stream.avail_out = static_cast<uInt>(compressed.size());
  deflate(&stream, Z_FINISH);
  compressed.resize(stream.total_out);
  deflateEnd(&stream);
  return compressed;
}

std::string noise(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint32_t state = 1;
  for (char& byte : bytes) byte = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return bytes;
}

std::string failure_of(std::string_view compressed, std::uint64_t max_size = large) {
  const auto content = gunzip(compressed, max_size);
  if (content) return *content ? "none" : "too large";
  EXPECT_EQ(content.error().code, ErrorCode::upstream_invalid_response);
  return content.error().context;
}

TEST(Gunzip, GivesBackWhatWasCompressed) {
  for (const std::string& text : {std::string(), std::string("x"), std::string(100'000, 'x'), noise(100'000),
                                  std::string("\0\r\n\x1f\x8b", 5)}) {
    const auto content = gunzip(gzip(text), large);
    ASSERT_TRUE(content) << content.error().context;
    EXPECT_EQ(*content, text);
  }
}

TEST(Gunzip, ReadsMembersOneBehindAnother) {
  const auto content = gunzip(gzip("one ") + gzip("") + gzip("two"), large);
  ASSERT_TRUE(content);
  EXPECT_EQ(*content, "one two");
}

TEST(Gunzip, RefusesWhatIsCutShortAnywhere) {
  const std::string whole = gzip(noise(500));
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_THAT(failure_of(whole.substr(0, size)), HasSubstr("cut short")) << size;
  EXPECT_THAT(failure_of(gzip("one") + whole.substr(0, 20)), HasSubstr("cut short"));
}

TEST(Gunzip, RefusesWhatIsCorrupt) {
  const std::string whole = gzip(noise(500));
  for (const std::size_t place :
       {std::size_t{0}, std::size_t{2}, std::size_t{100}, whole.size() - 8, whole.size() - 1}) {
    std::string damaged = whole;
    damaged[place] = static_cast<char>(damaged[place] ^ 1);
    EXPECT_THAT(failure_of(damaged), HasSubstr("corrupt")) << place;
  }
  EXPECT_THAT(failure_of(R"({"plain":1})"), HasSubstr("corrupt"));
  EXPECT_THAT(failure_of(gzip("a zlib stream", 15)), HasSubstr("corrupt"));
}

TEST(Gunzip, RefusesBytesBehindTheEnd) {
  EXPECT_THAT(failure_of(gzip("one") + "two"), HasSubstr("behind its end"));
  EXPECT_THAT(failure_of(gzip("one") + std::string(1, '\0')), HasSubstr("behind its end"));
  EXPECT_THAT(failure_of(gzip("one") + "\x1f\x8btwo"), HasSubstr("corrupt"));
}

TEST(Gunzip, StopsAtItsLimit) {
  const std::string bomb = gzip(std::string(50 << 20, '\0'));
  ASSERT_LT(bomb.size(), 64U << 10);
  EXPECT_THAT(failure_of(bomb), StrEq("too large"));
  std::string lying = bomb;
  lying.replace(lying.size() - 4, 4, std::string(4, '\0'));
  EXPECT_THAT(failure_of(lying), StrEq("too large"));
  std::string many;
  for (int i = 0; i < 20; ++i) many += gzip(std::string(100'000, 'x'));
  EXPECT_THAT(failure_of(many), StrEq("too large"));
  EXPECT_THAT(failure_of(gzip(std::string(1000, 'x')), 1000), StrEq("none"));
  EXPECT_THAT(failure_of(gzip(std::string(1001, 'x')), 1000), StrEq("too large"));
}

class UndoCodingTest : public testing::Test {
 protected:
  Result<bool> undo(const char* coding, unsigned status = 200) {
    if (coding != nullptr) fields.add("Content-Encoding", coding);
    return undo_coding(status, fields, content, large);
  }
  http::Fields fields;
  std::string content = gzip("text");
};

TEST_F(UndoCodingTest, LeavesAnAnswerWithoutOneAsItIs) {
  content = "text";
  fields.add("Content-Length", "4");
  fields.add("Content-Digest", "sha-256=:x:");
  ASSERT_TRUE(undo(nullptr));
  EXPECT_EQ(content, "text");
  EXPECT_EQ(fields.all().size(), 2U);
  ASSERT_TRUE(undo("identity"));
  EXPECT_EQ(content, "text");
  EXPECT_EQ(fields.all().size(), 2U);
}

TEST_F(UndoCodingTest, RemovesTheFieldsThatSpeakOfIt) {
  for (const char* const name : {"Content-Length", "Content-Digest", "Repr-Digest", "Digest", "Content-MD5"})
    fields.add(name, "x");
  for (const char* const name : {"ETag", "Vary", "Content-Type", "Last-Modified"}) fields.add(name, "kept");
  ASSERT_TRUE(undo("gzip"));
  EXPECT_EQ(content, "text");
  EXPECT_EQ(fields.to_lines(), "ETag: kept\r\nVary: kept\r\nContent-Type: kept\r\nLast-Modified: kept\r\n");
}

TEST_F(UndoCodingTest, KnowsGzipByItsNames) {
  for (const char* const coding : {"gzip", "x-gzip", "GZIP", "identity, gzip"}) {
    content = gzip("text");
    fields = {};
    ASSERT_TRUE(undo(coding)) << coding;
    EXPECT_EQ(content, "text");
    EXPECT_TRUE(fields.empty());
  }
}

TEST_F(UndoCodingTest, NamesACodingThatNobodyAskedFor) {
  for (const char* const coding : {"br", "deflate", "gzip, gzip", "br, gzip", "gzip;q=1"}) {
    fields = {};
    const auto undone = undo(coding);
    ASSERT_FALSE(undone) << coding;
    EXPECT_EQ(undone.error().code, ErrorCode::upstream_invalid_response);
    EXPECT_THAT(undone.error().context, HasSubstr(std::string("Content-Encoding: ") + coding + ":"));
    EXPECT_EQ(content, gzip("text"));
  }
}

TEST_F(UndoCodingTest, CodingsMayStandInSeveralFields) {
  fields.add("Content-Encoding", "gzip");
  EXPECT_FALSE(undo("gzip"));
}

TEST_F(UndoCodingTest, SaysWhereWhatComesOutIsTooLarge) {
  content = gzip(std::string(large + 1, 'x'));
  const std::string coded = content;
  fields.add("Content-Length", std::to_string(content.size()));
  const auto undone = undo("gzip");
  ASSERT_TRUE(undone);
  EXPECT_FALSE(*undone);
  EXPECT_EQ(content, coded);
  EXPECT_TRUE(fields.empty()) << "they would be wrong of what comes out";
}

TEST_F(UndoCodingTest, HoldsWhatComesOutInPlaceOfWhatWentIn) {
  storage::BodyAccount account(1500);
  storage::BodyAccount::Growing held(account);
  content = gzip(std::string(1000, 'x'));
  ASSERT_TRUE(held.add(content.size()));
  fields.add("Content-Encoding", "gzip");
  ASSERT_TRUE(undo_coding(200, fields, content, large, &held));
  EXPECT_EQ(held.bytes(), 1000U);

  content = gzip(std::string(1000, 'y'));
  const std::string coded = content;
  fields.add("Content-Encoding", "gzip");
  const auto refused = undo_coding(200, fields, content, large, &held);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::overloaded);
  EXPECT_EQ(content, coded);
  EXPECT_EQ(account.read().all, 1000U);
}

TEST_F(UndoCodingTest, AnAnswerWithoutContentHasNoneToUndo) {
  content.clear();
  EXPECT_TRUE(undo("gzip", 304));
  EXPECT_TRUE(undo("gzip", 204));
  EXPECT_TRUE(undo("gzip", 401));
  EXPECT_TRUE(content.empty());
  EXPECT_FALSE(undo("gzip", 200));
}

}  // namespace
}  // namespace roktcached::upstream
