#include "server/upstream/wire/gzip_decoder.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>

namespace roktcached::upstream {
namespace {

std::string gzipped(std::string text) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
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

/// The decoder's output where it is fed in pieces of so many bytes; "failed" where that fails.
std::string decoded(GzipDecoder& decoder, std::string_view coded, std::size_t piece_size) {
  std::string content;
  for (; !coded.empty(); coded.remove_prefix(std::min(piece_size, coded.size()))) {
    decoder.feed(coded.substr(0, piece_size));
    while (true) {
      const auto piece = decoder.next();
      if (!piece) return "failed";
      if (piece->empty()) break;
      content += *piece;
    }
  }
  return content;
}

TEST(GzipDecoder, TakesItsInputInPiecesOfAnySize) {
  std::string text;
  for (int i = 0; text.size() < 200'000; ++i) text += std::to_string(i) + ",";
  const std::string coded = gzipped(text) + gzipped("") + gzipped("the last member");
  for (const std::size_t size : {std::size_t{1}, std::size_t{7}, std::size_t{1000}, coded.size()}) {
    GzipDecoder decoder;
    EXPECT_FALSE(decoder.is_complete()) << "gzip of nothing is something";
    EXPECT_EQ(decoded(decoder, coded, size), text + "the last member") << size;
    EXPECT_TRUE(decoder.is_complete()) << size;
  }
}

TEST(GzipDecoder, KnowsWhatIsCutShort) {
  const std::string coded = gzipped("one") + gzipped("two");
  for (std::size_t size = 0; size < coded.size(); ++size) {
    GzipDecoder decoder;
    EXPECT_NE(decoded(decoder, std::string_view(coded).substr(0, size), 5), "failed") << size;
    EXPECT_EQ(decoder.is_complete(), size == gzipped("one").size()) << size;
  }
}

TEST(GzipDecoder, FailsForOtherBytesBehindTheEndAlsoInAPieceOfTheirOwn) {
  GzipDecoder decoder;
  EXPECT_EQ(decoded(decoder, gzipped("one"), 1000), "one");
  EXPECT_EQ(decoded(decoder, "more", 1000), "failed");
}

TEST(GzipDecoder, FailsForWhatIsCorrupt) {
  GzipDecoder decoder;
  EXPECT_EQ(decoded(decoder, "{\"plain\":1}", 3), "failed");
}

}  // namespace
}  // namespace roktcached::upstream
