#include "config/toml_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/config/support.h"

namespace roktcached::config {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;

std::string repeated(std::string_view text, std::size_t times) {
  std::string result;
  for (std::size_t i = 0; i < times; ++i) result += text;
  return result;
}

/// A key of so many parts.
std::string key_of(std::size_t parts) {
  return repeated("a.", parts - 1) + "a";
}

TEST(TomlFile, ADepthThatNoSettingHasIsAMistakeAndNoCrash) {
  constexpr std::size_t many = 50'000;
  const Loader loader;
  for (const std::string& text :
       {key_of(many) + " = 1\n", "[" + key_of(many) + "]\n", "[[" + key_of(many) + "]]\n",
        repeated("a . ", many) + "a = 1\n", repeated("'a'.", many) + "a = 1\n",
        "a = " + repeated("[", many) + "\n", "a = " + repeated("[", many) + repeated("]", many) + "\n",
        "a = " + repeated("{a=", many) + "1" + repeated("}", many) + "\n",
        "a = " + repeated("[\n", many) + "\n"}) {
    EXPECT_THAT(loader.mistakes(text), ElementsAre(HasSubstr(": is nested too deep; accepted: ")))
        << text.substr(0, 20);
  }
  EXPECT_THAT(loader.mistakes("[cache]\n" + key_of(many) + " = 1\n"),
              ElementsAre(testing::StartsWith("FILE:2: is nested too deep")));
}

// The deepest that passes is for toml++ and our reader to refuse, as they do any unknown key.
TEST(TomlFile, TheDeepestThatIsReadDoesNoHarm) {
  const std::string deep = key_of(max_key_parts);
  std::string text = "[" + deep + "]\n" + deep + " = ";
  for (std::size_t i = 0; i < max_open_brackets; ++i) text += "{" + deep + "=";
  text += "1" + repeated("}", max_open_brackets);
  EXPECT_EQ(line_nested_too_deep(text), std::nullopt);
  const Loader loader;
  EXPECT_THAT(loader.mistakes(text), ElementsAre(HasSubstr("a: no such section")));
}

TEST(NestedTooDeep, TakesNoTextForAKeyOrABracket) {
  const std::string dots(max_key_parts + 1, '.');
  const std::string brackets(max_open_brackets + 1, '[');
  for (const std::string& text : {dots, brackets, "'''" + dots, "\\\"" + dots}) {
    EXPECT_EQ(line_nested_too_deep("# " + text), std::nullopt) << text;
    EXPECT_EQ(line_nested_too_deep("a = \"" + dots + "\""), std::nullopt) << text;
    EXPECT_EQ(line_nested_too_deep("a = '" + brackets + "'"), std::nullopt) << text;
  }
  EXPECT_EQ(line_nested_too_deep("a = \"\\\"" + dots + "\""), std::nullopt) << "an escaped quote";
  EXPECT_EQ(line_nested_too_deep("a = \"\"\"" + dots + "\n\"" + brackets + "\\\"\"\"" + dots + "\"\"\"\"\""),
            std::nullopt);
  EXPECT_EQ(line_nested_too_deep("a = '''" + dots + "\n''" + brackets + "'''"), std::nullopt);
  EXPECT_EQ(line_nested_too_deep("a = \"\"\nb = ''\n"), std::nullopt);
  EXPECT_EQ(line_nested_too_deep(repeated("a.b = 1.5\n[a]\n", 100)), std::nullopt);
  EXPECT_EQ(line_nested_too_deep("a = [" + repeated("1.5, ", 100) + "]"), std::nullopt);
}

TEST(NestedTooDeep, GoesOnBehindAString) {
  const std::string deep = key_of(max_key_parts + 1);
  for (const char* before : {"a = \"\"\n", "a = ''\n", "a = \"#\"\n", "a = '''\n'''\n",
                             "a = \"\"\"\\\"\"\"\"\n", "a = \"\\\\\"\n", "# \"\n", "a = '\\'\n"}) {
    EXPECT_NE(line_nested_too_deep(before + deep + " = 1"), std::nullopt) << before;
  }
  EXPECT_EQ(line_nested_too_deep("a = '''\n\n'''\n" + deep), 4U);
}

TEST(TomlFile, AFileOfAbsurdSizeIsRefused) {
  const Loader loader;
  EXPECT_THAT(loader.mistakes(std::string(max_config_file + 1, '\n')),
              ElementsAre("FILE: is longer than 1 MiB"));
  EXPECT_THAT(loader.mistakes(std::string(max_config_file, '\n')), ElementsAre());
  const auto endless = load("/dev/zero", environment_of({}));
  ASSERT_FALSE(endless);
  EXPECT_THAT(endless.error().context, EndsWith("is longer than 1 MiB"));
}

TEST(TomlFile, IsReadAsEditorsOnWindowsWriteIt) {
  const Loader loader;
  const auto settings =
      loader.load("\xEF\xBB\xBF# Settings\r\n[listen]\r\nthreads = 3\r\n\r\n[cache]\r\nfile = \"C\"\r\n");
  ASSERT_TRUE(settings) << settings.error().context;
  EXPECT_EQ(settings->listen.threads, 3U);
  EXPECT_EQ(settings->cache.file, "C");
  EXPECT_THAT(loader.mistakes("\xEF\xBB\xBF[listen]\r\nthreads = -3\r\n"),
              ElementsAre(AllOf(HasSubstr("FILE:2: listen.threads"))));
}

}  // namespace
}  // namespace roktcached::config
