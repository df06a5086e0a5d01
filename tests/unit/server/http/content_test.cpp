#include <gtest/gtest.h>

#include <string>

#include "tests/unit/server/http/content_parser.h"

namespace roktcached::http {
namespace {

using Kind = Framing::Kind;

constexpr std::string_view next_message = "GET /next HTTP/1.1\r\n";

struct Taken {
  std::string content;
  std::size_t bytes = 0;
  bool done = false;
  bool operator==(const Taken&) const = default;
};

/// Feeds `text`, cut behind `cut` bytes, and then the rest piece by piece of `size` bytes.
Taken take(const Framing& framing, std::string_view text, std::size_t cut, std::size_t size) {
  ContentParser decoder(framing);
  Taken taken;
  while (taken.bytes < text.size() && !decoder.done()) {
    const std::size_t end = taken.bytes < cut ? cut : std::min(taken.bytes + size, text.size());
    const std::string piece(text.substr(taken.bytes, end - taken.bytes));  // of its own, for the sanitizers
    const auto step = decoder.next(piece);
    if (!step) {
      ADD_FAILURE() << step.error().context;
      break;
    }
    if (step->consumed == 0 && !decoder.done()) {
      ADD_FAILURE() << "stuck";
      break;
    }
    taken.content += step->content;
    taken.bytes += step->consumed;
  }
  taken.done = decoder.done();
  return taken;
}

/// The same however it is cut.
Taken take_anyhow(const Framing& framing, const std::string& text) {
  const Taken whole = take(framing, text, 0, text.size());
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    EXPECT_EQ(take(framing, text, cut, text.size()), whole) << "cut at " << cut;
    EXPECT_EQ(take(framing, text, cut, 1), whole) << "cut at " << cut << ", then bytes";
  }
  return whole;
}

TEST(Content, TakesNothingWhereThereIsNoContent) {
  for (const Framing& framing : {Framing{Kind::none, 0}, Framing{Kind::length, 0}}) {
    ContentParser decoder(framing);
    EXPECT_TRUE(decoder.done());
    EXPECT_EQ(decoder.announced(), 0U);
    EXPECT_FALSE(decoder.ends_with_connection());
    const auto step = decoder.next(next_message);
    ASSERT_TRUE(step);
    EXPECT_EQ(step->consumed, 0U);
    EXPECT_TRUE(step->content.empty());
    EXPECT_TRUE(decoder.done());
  }
}

TEST(Content, TakesItsLengthAndNoByteOfTheNextMessage) {
  const std::string content = "twelve bytes";
  const Framing framing{Kind::length, content.size()};
  EXPECT_EQ(take_anyhow(framing, content + std::string(next_message)), (Taken{content, 12, true}));
  EXPECT_EQ(take_anyhow(framing, content), (Taken{content, 12, true}));
  EXPECT_EQ(take_anyhow(framing, content.substr(0, 11)), (Taken{"twelve byte", 11, false}));
}

TEST(Content, TakesChunksAndNoByteOfTheNextMessage) {
  const std::string chunks = "5;x=\"y\"\r\nhello\r\n1\r\n \r\n05\r\nworld\r\n0\r\nX-Trailer: dropped\r\n\r\n";
  const Framing framing{Kind::chunked, 0};
  EXPECT_EQ(take_anyhow(framing, chunks + std::string(next_message)),
            (Taken{"hello world", chunks.size(), true}));
  const std::string cut_short = chunks.substr(0, chunks.size() - 1);
  EXPECT_EQ(take_anyhow(framing, cut_short), (Taken{"hello world", cut_short.size(), false}));
}

TEST(Content, TakesAllThereIsUntilTheConnectionCloses) {
  const std::string content = "all of it, 0\r\n\r\n" + std::string(next_message);
  EXPECT_EQ(take_anyhow({Kind::until_close, 0}, content), (Taken{content, content.size(), false}));
  for (const Kind kind : {Kind::none, Kind::length, Kind::chunked, Kind::until_close}) {
    EXPECT_EQ(ContentParser({kind, kind == Kind::length ? 1U : 0U}).ends_with_connection(),
              kind == Kind::until_close);
  }
}

TEST(Content, ViewsTheBytesThatItWasGiven) {
  const std::string bytes = "abcdef";
  for (const Framing& framing : {Framing{Kind::length, 4}, Framing{Kind::until_close, 0}}) {
    ContentParser decoder(framing);
    const auto step = decoder.next(bytes);
    ASSERT_TRUE(step);
    EXPECT_EQ(step->content.data(), bytes.data());
  }
}

TEST(Content, WantsMoreWhereItIsGivenNothing) {
  for (const Framing& framing :
       {Framing{Kind::length, 1}, Framing{Kind::chunked, 0}, Framing{Kind::until_close, 0}}) {
    ContentParser decoder(framing);
    const auto step = decoder.next({});
    ASSERT_TRUE(step);
    EXPECT_EQ(step->consumed, 0U);
    EXPECT_FALSE(decoder.done());
  }
}

TEST(Content, TakesNothingOnceItIsDone) {
  for (const auto& [framing, text] : {std::pair{Framing{Kind::length, 2}, "ab"},
                                      std::pair{Framing{Kind::chunked, 0}, "2\r\nab\r\n0\r\n\r\n"}}) {
    ContentParser decoder(framing);
    for (std::string_view rest(text); !decoder.done();) {
      const auto step = decoder.next(rest);
      ASSERT_TRUE(step && (step->consumed > 0 || decoder.done()));
      rest.remove_prefix(step->consumed);
    }
    for (int again = 0; again < 2; ++again) {
      const auto step = decoder.next("2\r\nab\r\n");
      ASSERT_TRUE(step);
      EXPECT_EQ(step->consumed, 0U);
      EXPECT_TRUE(decoder.done());
    }
    EXPECT_EQ(decoder.announced(), 0U);
  }
}

TEST(Content, IsNotDoneByWhatIsNoChunk) {
  for (const char* text : {"x", "-1\r\n", "1\n", "1\r\nab", "0\r\nHost: a\r\n\r\n", "123456789\r\n"}) {
    ContentParser decoder({Kind::chunked, 0});
    const std::string_view all(text);
    bool refused = false;
    for (std::size_t at = 0; at < all.size() && !refused;) {
      const auto step = decoder.next(all.substr(at));
      refused = !step;
      if (step) {
        ASSERT_TRUE(step->consumed > 0 && !decoder.done()) << text;
        at += step->consumed;
      }
    }
    EXPECT_TRUE(refused) << text;
    EXPECT_FALSE(decoder.done()) << text;
  }
}

TEST(Content, AnnouncesWhatIsToComeOfALength) {
  ContentParser decoder({Kind::length, 5});
  EXPECT_EQ(decoder.announced(), 5U);
  ASSERT_TRUE(decoder.next("ab"));
  EXPECT_EQ(decoder.announced(), 3U);
  ASSERT_TRUE(decoder.next("cdefgh"));
  EXPECT_EQ(decoder.announced(), 0U);
  const auto longest = static_cast<std::uint64_t>(INT64_MAX);
  ContentParser huge({Kind::length, longest});
  EXPECT_EQ(huge.announced(), longest);
  ASSERT_TRUE(huge.next("abc"));
  EXPECT_EQ(huge.announced(), longest - 3);
  EXPECT_FALSE(huge.done());
}

TEST(Content, AnnouncesWhatIsToComeOfAChunk) {
  ContentParser decoder({Kind::chunked, 0});
  const auto after = [&decoder](std::string_view bytes) {
    while (!bytes.empty()) {
      const auto step = decoder.next(bytes);
      if (!step || step->consumed == 0) {
        ADD_FAILURE() << "not taken";
        break;
      }
      bytes.remove_prefix(step->consumed);
    }
    return decoder.announced();
  };
  EXPECT_EQ(after(""), 0U) << "nothing is known yet";
  EXPECT_EQ(after("10"), 0U) << "a size that is not whole says nothing";
  EXPECT_EQ(after("\r\n"), 16U);
  EXPECT_EQ(after("abcdef"), 10U);
  EXPECT_EQ(after("ghijklmnop"), 0U);
  EXPECT_EQ(after("\r\nffffffff\r\n"), 0xffffffffU);
}

TEST(Content, AnnouncesNothingOfAContentOfUnknownLength) {
  ContentParser decoder({Kind::until_close, 0});
  EXPECT_EQ(decoder.announced(), 0U);
  ASSERT_TRUE(decoder.next("abc"));
  EXPECT_EQ(decoder.announced(), 0U);
}

}  // namespace
}  // namespace roktcached::http
