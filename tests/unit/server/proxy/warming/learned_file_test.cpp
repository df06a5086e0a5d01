#include "server/proxy/warming/learned_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace roktcached::proxy {
namespace {

using caching::AskHistory;
using Learned = caching::WarmSchedule::Learned;
using testing::HasSubstr;

class LearnedFileTest : public testing::Test {
 protected:
  LearnedFileTest() {
    std::string name = (std::filesystem::temp_directory_path() / "roktcached-learned-XXXXXX").string();
    folder = ::mkdtemp(name.data());
    path = learned_file_beside((folder / "cache.db").string());
  }
  ~LearnedFileTest() override { std::filesystem::remove_all(folder); }
  LearnedFileTest(const LearnedFileTest&) = delete;
  LearnedFileTest& operator=(const LearnedFileTest&) = delete;

  static std::vector<Learned> two() {
    AskHistory history;
    history.asked(rokt::LocalDay(std::chrono::year{2026} / 11 / 2), std::chrono::minutes{495});
    history.asked(rokt::LocalDay(std::chrono::year{2026} / 11 / 4), std::chrono::minutes{501});
    return {{.id = {1, 2}, .history = history, .question = {}},
            {.id = {3, 0xffff'ffff'ffff'ffff},
             .history = history,
             .question = {"/a?b={yesterday}", "LATEST", R"({"c":"{today}"})", "Asia/Kathmandu"},
             .lifetime = std::chrono::hours{1},
             .unused_in_a_row = 1}};
  }
  void write(const std::string& text) const {
    std::ofstream(path) << text;
    ::chmod(path.c_str(), 0600);
  }

  std::filesystem::path folder;
  std::string path;
};

TEST_F(LearnedFileTest, GivesBackWhatItWasGiven) {
  ASSERT_TRUE(write_learned_file(path, two()));
  const auto learned = read_learned_file(path);
  ASSERT_TRUE(learned) << learned.error().context;
  ASSERT_EQ(learned->size(), 2U);
  EXPECT_EQ((*learned)[0].id, two()[0].id);
  EXPECT_EQ((*learned)[0].question, caching::QuestionTemplate());
  EXPECT_EQ((*learned)[1].id, two()[1].id);
  EXPECT_EQ((*learned)[1].question, two()[1].question);
  EXPECT_EQ((*learned)[1].lifetime, std::chrono::hours{1});
  EXPECT_EQ((*learned)[1].unused_in_a_row, 1U);
  EXPECT_EQ((*learned)[1].history.days_asked(5, rokt::LocalDay(std::chrono::year{2026} / 11 / 4)), 2U);
  EXPECT_EQ((*learned)[1].history.latest(), std::chrono::minutes{501});
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(LearnedFileTest, IsNotThereAtFirst) {
  const auto learned = read_learned_file(path);
  ASSERT_TRUE(learned);
  EXPECT_TRUE(learned->empty());
  EXPECT_EQ(learned_file_beside(""), "");
}

TEST_F(LearnedFileTest, TakesThePlaceOfTheOneBefore) {
  ASSERT_TRUE(write_learned_file(path, two()));
  std::ofstream(path + ".new") << "of a process that was killed";
  ASSERT_TRUE(write_learned_file(path, {}));
  EXPECT_TRUE(read_learned_file(path)->empty());
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
}

TEST_F(LearnedFileTest, RefusesWhatItHasNotWritten) {
  for (const char* text :
       {"", "{", "[]", "{}", R"({"version":2,"learned":[]})", R"({"version":1,"learned":[{}]})",
        R"({"version":1,"learned":[{"id":"x"}]})",
        R"({"version":1,"learned":[{"id":"00000000000000010000000000000002","first_day":1,)"
        R"("last_day":1,"days":1,"first_asks":[1,2,3,4,5,6]}]})"}) {
    write(text);
    const auto learned = read_learned_file(path);
    ASSERT_FALSE(learned) << text;
    EXPECT_EQ(learned.error().code, ErrorCode::storage_corrupt);
    EXPECT_THAT(learned.error().context, HasSubstr(path));
  }
  write(std::string((std::size_t{16} << 20) + 1, ' '));
  EXPECT_THAT(read_learned_file(path).error().context, HasSubstr("longer than 16 MiB"));
}

TEST_F(LearnedFileTest, RefusesWhatOthersMayHaveWritten) {
  ASSERT_TRUE(write_learned_file(path, two()));
  ::chmod(path.c_str(), 0666);
  EXPECT_FALSE(read_learned_file(path));
  std::filesystem::remove(path);
  std::filesystem::create_symlink("/etc/hostname", path);
  EXPECT_FALSE(read_learned_file(path));
}

TEST_F(LearnedFileTest, SaysWhereItCannotBeWritten) {
  const auto written = write_learned_file((folder / "nowhere" / "x").string(), two());
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().context, HasSubstr("nowhere/x"));
}

}  // namespace
}  // namespace roktcached::proxy
