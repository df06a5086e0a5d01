#include "storage/sqlite/private_file.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <vector>

#include "tests/unit/storage/examples.h"

namespace roktcached::storage {
namespace {

constexpr uid_t another_user = 12345;

class PrivateFileTest : public testing::Test {
 protected:
  [[nodiscard]] Result<PrivateFile> open(Missing missing = Missing::make) {
    return open_private_file(path_, missing, [this](std::string_view line) { reported_.emplace_back(line); });
  }
  static unsigned mode_of(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777U : 0U;
  }
  /// Both ways to look at the file, with an error that says what was found and what is accepted.
  void expect_refused(const std::string& found) {
    for (const Error& error : {check_private_file(path_).error(), open().error()})
      expect_error(error, path_, found);
  }
  static void expect_error(const Error& error, const std::string& path, const std::string& found) {
    EXPECT_EQ(error.code, ErrorCode::storage_unavailable);
    EXPECT_TRUE(error.context.starts_with(path + ": " + found)) << error.context;
    EXPECT_NE(error.context.find("; accepted: "), std::string::npos) << error.context;
    EXPECT_EQ(error.context.find('\n'), std::string::npos) << error.context;
  }

  examples::Folder folder_;
  const std::string path_ = folder_.file("file");
  std::vector<std::string> reported_;
};

TEST_F(PrivateFileTest, AMissingFileIsMadeForItsOwnerOnlyWhateverTheUmask) {
  for (const mode_t umask : {mode_t{0}, mode_t{022}, mode_t{0777}}) {
    std::filesystem::remove(path_);
    EXPECT_FALSE(check_private_file(path_).value());
    const mode_t before = ::umask(umask);
    const auto file = open();
    ::umask(before);
    ASSERT_TRUE(file) << umask;
    EXPECT_EQ(mode_of(path_), 0600U) << umask;
    EXPECT_TRUE(leads_to(path_, file->identity));
  }
  EXPECT_TRUE(reported_.empty());
}

TEST_F(PrivateFileTest, AMissingFileThatIsNotToBeMadeIsAnError) {
  EXPECT_FALSE(open(Missing::refuse));
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(PrivateFileTest, OneThatOthersCouldReadIsTakenBackWithALine) {
  examples::write_file(path_, "something");
  for (const mode_t mode : {mode_t{0640}, mode_t{0604}, mode_t{0755}}) {
    reported_.clear();
    ::chmod(path_.c_str(), mode);
    ASSERT_TRUE(open()) << mode;
    EXPECT_EQ(mode_of(path_), 0600U);
    ASSERT_EQ(reported_.size(), 1U);
    EXPECT_TRUE(reported_[0].starts_with(path_ + ": had mode 0")) << reported_[0];
  }
  EXPECT_EQ(examples::contents_of(path_), "something");
}

TEST_F(PrivateFileTest, OneThatOthersCouldWriteToIsRefusedAndLeftAsItIs) {
  examples::write_file(path_, "something");
  for (const mode_t mode : {mode_t{0660}, mode_t{0602}, mode_t{0666}}) {
    ::chmod(path_.c_str(), mode);
    expect_refused("has mode 06");
    EXPECT_EQ(mode_of(path_), mode);
  }
}

TEST_F(PrivateFileTest, ASymlinkIsRefusedWhereverItLeads) {
  examples::write_file(folder_.file("target"), "something");
  for (const char* target : {"target", "nowhere"}) {
    std::filesystem::create_symlink(folder_.file(target), path_);
    expect_refused("is a symlink");
    std::filesystem::remove(path_);
  }
  EXPECT_EQ(examples::contents_of(folder_.file("target")), "something");
  EXPECT_FALSE(std::filesystem::exists(folder_.file("nowhere")));
}

TEST_F(PrivateFileTest, AHardLinkedFileIsRefused) {
  examples::write_file(folder_.file("other"), "something");
  ::chmod(folder_.file("other").c_str(), 0600);
  std::filesystem::create_hard_link(folder_.file("other"), path_);
  expect_refused("has 2 hard links");
}

TEST_F(PrivateFileTest, WhatIsNoRegularFileIsRefusedUnopened) {
  std::filesystem::create_directory(path_);
  expect_refused("is a directory");
  std::filesystem::remove(path_);
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  expect_refused("is a socket, a pipe or a device");
  std::filesystem::remove(path_);
  const Descriptor listening(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_LT(path_.size(), sizeof address.sun_path);
  std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
  ASSERT_EQ(::bind(listening.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  expect_refused("is a socket, a pipe or a device");
}

TEST_F(PrivateFileTest, AFileOfAnotherOwnerIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  examples::write_file(path_, "something");
  ::chmod(path_.c_str(), 0600);
  ASSERT_EQ(::chown(path_.c_str(), another_user, another_user), 0);
  expect_refused("belongs to user 12345");
}

TEST_F(PrivateFileTest, AnotherFileOfTheSameNameIsNotTheSame) {
  const FileIdentity identity = open().value().identity;
  std::filesystem::rename(path_, folder_.file("away"));
  EXPECT_FALSE(leads_to(path_, identity)) << "nothing there";
  std::filesystem::create_symlink(folder_.file("away"), path_);
  EXPECT_FALSE(leads_to(path_, identity)) << "a symlink to it";
  EXPECT_TRUE(leads_to(folder_.file("away"), identity));
}

class PrivateFolderTest : public PrivateFileTest {
 protected:
  PrivateFolderTest() { std::filesystem::create_directory(path_); }
};

TEST_F(PrivateFolderTest, OneThatOthersMayReadIsAccepted) {
  for (const mode_t mode : {mode_t{0700}, mode_t{0755}, mode_t{0750}}) {
    ::chmod(path_.c_str(), mode);
    EXPECT_EQ(private_folder(path_).value(), path_);
    EXPECT_EQ(mode_of(path_), mode) << "left as it is";
  }
}

TEST_F(PrivateFolderTest, OneThatOthersMayWriteToIsRefusedUnlessSticky) {
  for (const mode_t mode : {mode_t{0770}, mode_t{0702}, mode_t{0777}}) {
    ::chmod(path_.c_str(), mode);
    expect_error(private_folder(path_).error(), path_, "has mode 07");
    ::chmod(path_.c_str(), mode | S_ISVTX);
    EXPECT_TRUE(private_folder(path_)) << mode;
  }
}

TEST_F(PrivateFolderTest, OneOfAnotherOwnerIsRefusedEvenIfSticky) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a folder away";
  ASSERT_EQ(::chown(path_.c_str(), another_user, another_user), 0);
  expect_error(private_folder(path_).error(), path_, "belongs to user 12345");
  ::chmod(path_.c_str(), 01777);
  expect_error(private_folder(path_).error(), path_, "belongs to user 12345");
}

TEST_F(PrivateFolderTest, OneOfRootsIsAccepted) {
  if (::geteuid() == 0) GTEST_SKIP() << "root's own";
  EXPECT_EQ(private_folder("/").value(), "/");
}

TEST_F(PrivateFolderTest, WhatASymlinkLeadsToIsWhatCounts) {
  std::filesystem::create_directory_symlink(path_, folder_.file("link"));
  EXPECT_EQ(private_folder(folder_.file("link")).value(), path_);
  ::chmod(path_.c_str(), 0777);
  expect_error(private_folder(folder_.file("link")).error(), path_, "has mode 0777");
}

TEST_F(PrivateFolderTest, ASymlinkToNowhereIsRefused) {
  std::filesystem::create_directory_symlink(folder_.file("nowhere"), folder_.file("link"));
  EXPECT_FALSE(private_folder(folder_.file("link")));
  EXPECT_FALSE(std::filesystem::exists(folder_.file("nowhere")));
}

TEST_F(PrivateFolderTest, NoFolderIsTheCurrentOne) {
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(path_);
  const auto folder = private_folder("");
  std::filesystem::current_path(before);
  EXPECT_EQ(folder.value(), path_);
}

TEST_F(PrivateFolderTest, ALookMakesNothingAndRefusesAlike) {
  EXPECT_EQ(check_folder_of(path_ + "/file").value(), path_);
  std::filesystem::create_directory_symlink(path_, folder_.file("link"));
  EXPECT_EQ(check_folder_of(folder_.file("link/file")).value(), path_);
  EXPECT_EQ(check_folder_of(path_ + "/new/newer/file").value(), "") << "it can be made";
  EXPECT_TRUE(std::filesystem::is_empty(path_));
  examples::write_file(folder_.file("plain"), "");
  for (const char* file : {"plain/file", "plain/new/file"})
    expect_error(check_folder_of(folder_.file(file)).error(), folder_.file("plain"), "is no directory");
  std::filesystem::create_directory_symlink(folder_.file("nowhere"), folder_.file("dangling"));
  EXPECT_FALSE(check_folder_of(folder_.file("dangling/file")));
  EXPECT_FALSE(check_folder_of(folder_.file("dangling/new/file")));
  ::chmod(path_.c_str(), 0777);
  expect_error(check_folder_of(path_ + "/file").error(), path_, "has mode 0777");
}

TEST_F(PrivateFolderTest, ALookRefusesWhatCannotBeWrittenTo) {
  constexpr uid_t nobody = 65534;
  const bool is_root = ::geteuid() == 0;  // who may write anywhere, so that a child looks as somebody else
  ::chmod(folder_.path().c_str(), 0711);
  if (is_root) {
    ASSERT_EQ(::chown(path_.c_str(), nobody, nobody), 0);
  }
  for (const bool writable : {true, false}) {
    ::chmod(path_.c_str(), writable ? 0700 : 0500);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      if (is_root && ::setresuid(nobody, nobody, nobody) != 0) ::_exit(2);
      const bool as_wanted = check_folder_of(path_ + "/file").has_value() == writable &&
                             check_folder_of(path_ + "/new/file").has_value() == writable;
      ::_exit(as_wanted ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0) << writable;
  }
}

}  // namespace
}  // namespace roktcached::storage
