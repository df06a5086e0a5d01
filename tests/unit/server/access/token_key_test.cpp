#include "server/access/token_key.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <barrier>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

namespace roktcached::access {
namespace {

namespace fs = std::filesystem;

class TokenKey : public testing::Test {
 protected:
  TokenKey() {
    std::string name = testing::TempDir() + "token-key-XXXXXX";
    folder_ = ::mkdtemp(name.data());
    path = folder_ / "token.key";
  }
  ~TokenKey() override { fs::remove_all(folder_); }

  void write(const std::string& content, fs::perms mode = fs::perms::owner_read | fs::perms::owner_write) {
    std::ofstream(path) << content;
    fs::permissions(path, mode);
  }
  [[nodiscard]] std::string refusal() const {
    const auto key = load_or_make_token_key(path);
    if (key) return {};
    EXPECT_EQ(key.error().code, ErrorCode::configuration);
    EXPECT_NE(key.error().context.find(path), std::string::npos);
    return key.error().context;
  }
  [[nodiscard]] std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_), {}));
  }

  fs::path path;

 private:
  fs::path folder_;
};

TEST_F(TokenKey, IsMadeOnceAndKept) {
  const auto made = load_or_make_token_key(path);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->reveal().size(), token_key_size);
  const auto loaded = load_or_make_token_key(path);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->reveal(), made->reveal());
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
  EXPECT_EQ(files(), 1U) << "nothing else is left behind";
}

TEST_F(TokenKey, NoTwoAreAlike) {
  EXPECT_NE(random_token_key().reveal(), random_token_key().reveal());
}

TEST_F(TokenKey, OfManyThatStartAtOnceAllGetTheSame) {
  for (int round = 0; round < 20; ++round) {
    constexpr std::size_t starters = 4;
    std::barrier start(starters);
    std::vector<std::string> keys(starters);
    std::vector<std::thread> threads;
    for (auto& key : keys) {
      threads.emplace_back([&] {
        start.arrive_and_wait();
        const auto got = load_or_make_token_key(path);
        key = got ? got->reveal() : got.error().context;
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(keys[0].size(), token_key_size) << keys[0];
    for (const auto& key : keys) EXPECT_EQ(key, keys[0]);
    EXPECT_EQ(files(), 1U);
    fs::remove(path);
  }
}

TEST_F(TokenKey, ThatOthersCanReadIsRefused) {
  for (const fs::perms mode : {fs::perms(0604), fs::perms(0620), fs::perms(0601)}) {
    write(std::string(token_key_size, 'k'), mode);
    EXPECT_NE(refusal().find("0600"), std::string::npos);
  }
}

TEST_F(TokenKey, OfAnotherSizeIsRefusedAndKept) {
  for (const std::size_t size : {0U, 31U, 33U, 1000U}) {
    write(std::string(size, 'k'));
    EXPECT_NE(refusal().find("32 bytes"), std::string::npos) << size;
    EXPECT_EQ(fs::file_size(path), size);
  }
}

// As Kubernetes mounts one that several replicas share.
TEST_F(TokenKey, ThatIsMountedIsReadThroughItsLink) {
  const fs::path real = path.string() + ".real";
  const auto made = load_or_make_token_key(real);
  ASSERT_TRUE(made);
  ASSERT_EQ(::chmod(real.c_str(), 0440), 0);
  fs::create_symlink(real, path);
  const auto loaded = load_or_make_token_key(path);
  ASSERT_TRUE(loaded) << loaded.error().context;
  EXPECT_EQ(loaded->reveal(), made->reveal());
  EXPECT_EQ(files(), 2U);
}

TEST_F(TokenKey, WhatIsNoFileIsRefused) {
  fs::create_symlink(path.string() + ".nowhere", path);
  EXPECT_NE(refusal().find("symbolic link"), std::string::npos);
  fs::remove(path);
  fs::create_directory(path);
  EXPECT_NE(refusal().find("not a regular file"), std::string::npos);
  fs::remove(path);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_NE(refusal().find("not a regular file"), std::string::npos) << "and it did not wait";
}

TEST_F(TokenKey, ThatCannotBeMadeSaysSo) {
  path = path / "no" / "such";
  EXPECT_NE(refusal().find("No such file"), std::string::npos);
}

TEST_F(TokenKey, ALookMakesNothingAndRefusesAlike) {
  const std::string folder = path.parent_path();
  EXPECT_TRUE(check_token_key(path, ""));
  EXPECT_EQ(files(), 0U);
  const std::string below = folder + "/new/token.key";
  EXPECT_FALSE(check_token_key(below, ""));
  EXPECT_FALSE(check_token_key(below, folder));
  EXPECT_TRUE(check_token_key(below, folder + "/new")) << "it will be there";
  write("short");
  EXPECT_FALSE(check_token_key(path, ""));
  write(std::string(token_key_size, 'k'));
  EXPECT_TRUE(check_token_key(path, ""));
}

}  // namespace
}  // namespace roktcached::access
