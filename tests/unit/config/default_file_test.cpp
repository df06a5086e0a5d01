#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <string>

#include "config/effective.h"
#include "config/load.h"
#include "config/schema.h"
#include "tests/unit/config/support.h"

namespace roktcached::config {
namespace {

/// The commented default file, config/roktcached.toml, with every "# key = value" line in force.
struct DefaultFile {
  std::string as_it_is;
  std::string uncommented;
  std::map<std::string, std::string> explanation;  ///< by "section.key": the comment lines before it
};

DefaultFile read_default_file() {
  static const std::regex section_line(R"((?:# )?\[+([a-z.]+)\]+)");
  static const std::regex key_line("# ([a-z_]+) = .*");
  DefaultFile file;
  std::ifstream stream(ROKTCACHED_DEFAULT_FILE);
  std::string section;
  std::string comment;
  for (std::string line; std::getline(stream, line);) {
    file.as_it_is += line + "\n";
    std::smatch match;
    if (std::regex_match(line, match, section_line)) {
      section = match[1];
      file.uncommented += (line.starts_with("# ") ? line.substr(2) : line) + "\n";
    } else if (std::regex_match(line, match, key_line)) {
      file.explanation[section + "." + match[1].str()] = comment;
      file.uncommented += line.substr(2) + "\n";
    }
    comment = line.starts_with("# ") && !std::regex_match(line, key_line) ? comment + line : "";
  }
  return file;
}

TEST(DefaultFile, ChangesNothingAsItIs) {
  const Loader loader;
  const DefaultFile file = read_default_file();
  ASSERT_FALSE(file.as_it_is.empty());
  const auto settings = loader.load(file.as_it_is);
  ASSERT_TRUE(settings) << settings.error().context;
  const auto nothing = loader.load("# nothing");
  EXPECT_EQ(effective_toml(*settings), effective_toml(*nothing));
}

TEST(DefaultFile, SaysTheDefaults) {
  const Loader loader;
  const DefaultFile file = read_default_file();
  const auto settings = loader.load(file.uncommented);
  ASSERT_TRUE(settings) << settings.error().context;
  for (const auto& row : schema()) {
    // These defaults are the environment's.
    if (row.name() == "cache.file" || row.name() == "listen.token_key_file") continue;
    EXPECT_EQ(to_toml(row.get(*settings)), to_toml(row.get(Settings{}))) << row.name();
  }
}

TEST(DefaultFile, ExplainsEveryKey) {
  const DefaultFile file = read_default_file();
  for (const auto& row : schema()) {
    const auto found = file.explanation.find(row.name());
    ASSERT_NE(found, file.explanation.end()) << row.name() << " is missing";
    EXPECT_FALSE(found->second.empty()) << row.name();
  }
}

}  // namespace
}  // namespace roktcached::config
