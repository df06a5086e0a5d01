#include "core/caching/text.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace roktcached::caching {
namespace {

TEST(TextTest, SaysWhatItWasMadeOf) {
  const Text text = std::string("a report");
  EXPECT_EQ(text, "a report");
  EXPECT_EQ(text.size(), 8U);
  EXPECT_FALSE(text.empty());
  EXPECT_EQ(sizeof(Text), sizeof(void*));
  EXPECT_EQ(Text(std::string_view("a\0b", 3)).size(), 3U) << "any byte";
}

TEST(TextTest, EmptyIsEmptyHoweverItCameAbout) {
  Text cleared = "text";
  cleared.clear();
  for (const Text& text : {Text(), Text(""), cleared}) {
    EXPECT_TRUE(text.empty());
    EXPECT_EQ(text.size(), 0U);
    EXPECT_EQ(text, "");
    EXPECT_EQ(text.room(), 0U);
  }
}

TEST(TextTest, CopiesAndMovesAsValuesDo) {
  Text text = "one";
  const Text copy = text;
  const Text moved = std::move(text);
  text = "two";
  EXPECT_EQ(copy, "one");
  EXPECT_EQ(moved, "one");
  EXPECT_EQ(text, "two");
  text = *&text;
  EXPECT_EQ(text, "two");
}

TEST(TextTest, CopiesShareTheBytesThatOneOwned) {
  std::optional<Text> text = "a report";
  const Text copy = *text;
  EXPECT_EQ(copy.view().data(), text->view().data());
  Text another = copy;
  another = "a metric";
  text.reset();
  EXPECT_EQ(copy, "a report");
}

TEST(TextTest, ManyThreadsMayHoldTheSameBytes) {
  const auto text = std::make_unique<const Text>("a report of many");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([copy = *text] {
      for (int n = 0; n < 2000; ++n) {
        std::vector<Text> copies(3, copy);
        EXPECT_EQ(copies.back(), "a report of many");
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST(TextTest, MovedToAPlaceItStandsThereAndItsCopiesDoNot) {
  const std::vector<std::string> words = {"odd", "even", "", "a longer one with more than sixteen bytes"};
  std::vector<Text> texts(words.begin(), words.end());
  std::size_t room = 0;
  for (const Text& text : texts) room += text.room();
  auto place = std::make_optional<std::vector<char>>(room);
  char* next = place->data();
  for (Text& text : texts) next = text.move_to(next);
  EXPECT_EQ(next, place->data() + room);
  const std::vector<Text> copies = texts;
  std::vector<Text> moved;
  for (std::size_t i = 0; i < words.size(); ++i) {
    EXPECT_EQ(texts[i], words[i]);
    if (!texts[i].empty()) {
      EXPECT_GE(texts[i].view().data(), place->data());
      EXPECT_LT(texts[i].view().data(), next);
    }
    moved.push_back(std::move(texts[i]));
  }
  texts.clear();
  place.reset();
  for (std::size_t i = 0; i < words.size(); ++i) {
    EXPECT_EQ(copies[i], words[i]);
    EXPECT_EQ(moved[i], words[i]) << "the place belongs to another: it must not be handed on";
  }
}

TEST(TextTest, MovesFromOnePlaceToAnother) {
  std::vector<char> first(20);
  std::vector<char> second(20);
  Text text = "wanders";
  text.move_to(first.data());
  text.move_to(second.data());
  first.assign(first.size(), 'x');
  EXPECT_EQ(text, "wanders");
  text = "its own";
  EXPECT_EQ(text, "its own");
}

}  // namespace
}  // namespace roktcached::caching
