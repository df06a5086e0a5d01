#include "storage/sqlite/cache_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <vector>

#include "tests/unit/storage/examples.h"

namespace roktcached::storage {
namespace {

constexpr std::int64_t many_pages = 1'000'000;
constexpr std::uint64_t pages_bytes = 1 << 20;

class CacheFileTest : public testing::Test {
 protected:
  [[nodiscard]] Result<CacheFile> prepare() { return prepare_file(path_, report_); }
  [[nodiscard]] Result<Connection> open_at_all() { return open_for_writing(prepare().value(), many_pages); }
  Connection open() { return open_at_all().value(); }
  static unsigned mode_of(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 0777U : 0U;
  }
  static FileIdentity identity_of(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
    return {status.st_dev, status.st_ino};
  }
  /// The error's one line, which has to name the path.
  static void expect_names(const Error& error, const std::string& path) {
    EXPECT_NE(error.context.find(path), std::string::npos) << error.context;
    EXPECT_EQ(error.context.find('\n'), std::string::npos) << error.context;
  }

  examples::Folder folder_;
  const std::string path_ = folder_.file("cache.db");
  std::vector<std::string> reported_;
  const OperatorLog report_ = [this](std::string_view line) { reported_.emplace_back(line); };
};

TEST_F(CacheFileTest, ANewFileIsForItsOwnerOnlyWhateverTheUmask) {
  const mode_t umask_before = ::umask(0);
  const auto lock = FileLock::acquire(path_, report_);
  const Connection connection = open();
  ::umask(umask_before);
  EXPECT_TRUE(lock);
  for (const char* suffix : {"", "-wal", "-shm", ".lock"})
    EXPECT_EQ(mode_of(path_ + suffix), 0600U) << suffix;
  EXPECT_TRUE(reported_.empty());
}

TEST_F(CacheFileTest, AMissingFolderIsMadeForItsOwnerOnly) {
  const mode_t umask_before = ::umask(0);
  const auto resolved = resolve_path(folder_.file("new/newer/cache.db"));
  ::umask(umask_before);
  ASSERT_TRUE(resolved);
  EXPECT_EQ(*resolved, folder_.file("new/newer/cache.db"));
  EXPECT_EQ(mode_of(folder_.file("new")), 0700U);
  EXPECT_EQ(mode_of(folder_.file("new/newer")), 0700U);
}

TEST_F(CacheFileTest, ADirectoryAsFileIsRefused) {
  const auto prepared = resolve_path(folder_.path().string());
  ASSERT_FALSE(prepared);
  EXPECT_EQ(prepared.error().code, ErrorCode::storage_unavailable);
  expect_names(prepared.error(), folder_.path().string());
}

TEST_F(CacheFileTest, AFolderThatIsAFileIsRefused) {
  examples::write_file(folder_.file("file"), "");
  const auto prepared = resolve_path(folder_.file("file/cache.db"));
  ASSERT_FALSE(prepared);
  EXPECT_EQ(prepared.error().code, ErrorCode::storage_unavailable);
  expect_names(prepared.error(), folder_.file("file"));
}

TEST_F(CacheFileTest, AnExistingFileIsNotTouched) {
  examples::write_file(path_, "something");
  resolve_path(path_).value();
  prepare().value();
  EXPECT_EQ(examples::contents_of(path_), "something");
}

TEST_F(CacheFileTest, AFileExchangedBeforeSqliteOpensItIsRefused) {
  const CacheFile prepared = prepare().value();
  ::rename(path_.c_str(), folder_.file("away").c_str());
  examples::write_file(path_, "");
  for (const auto& opened :
       {open_for_writing(prepared, many_pages), open_for_reading(prepared, pages_bytes)}) {
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::storage_unavailable);
    expect_names(opened.error(), path_);
  }
  EXPECT_EQ(examples::contents_of(path_), "") << "nothing is written to it";
}

TEST_F(CacheFileTest, AFileExchangedForASymlinkBeforeSqliteOpensItIsRefused) {
  const CacheFile prepared = prepare().value();
  ::rename(path_.c_str(), folder_.file("away").c_str());
  std::filesystem::create_symlink(folder_.file("away"), path_);
  const auto opened = open_for_writing(prepared, many_pages);
  ASSERT_FALSE(opened) << "though it leads to the very same file";
  EXPECT_EQ(opened.error().code, ErrorCode::storage_unavailable);
  EXPECT_EQ(examples::contents_of(folder_.file("away")), "");
}

TEST_F(CacheFileTest, ALogThatIsASymlinkIsRefused) {
  for (const char* suffix : {"-wal", "-shm", "-journal"}) {
    std::filesystem::create_symlink(folder_.file("elsewhere"), path_ + suffix);
    const auto prepared = prepare();
    ASSERT_FALSE(prepared) << suffix;
    expect_names(prepared.error(), path_ + suffix);
    std::filesystem::remove(path_ + suffix);
  }
  EXPECT_FALSE(std::filesystem::exists(folder_.file("elsewhere")));
}

TEST_F(CacheFileTest, AFileThatOthersCouldReadIsTakenBackWithItsLog) {
  { open().execute("UPDATE totals SET entries = 7").value(); }
  examples::write_file(path_ + "-wal", "");
  for (const char* suffix : {"", "-wal"}) ::chmod((path_ + suffix).c_str(), 0644);
  Connection connection = open();
  EXPECT_EQ(connection.integer("SELECT entries FROM totals").value(), 7);
  for (const char* suffix : {"", "-wal", "-shm"}) EXPECT_EQ(mode_of(path_ + suffix), 0600U) << suffix;
  ASSERT_EQ(reported_.size(), 2U);
  EXPECT_NE(reported_[0].find(path_ + ": had mode 0644"), std::string::npos) << reported_[0];
}

TEST_F(CacheFileTest, TheFolderMayBeASymlink) {
  std::filesystem::create_directory(folder_.file("real"));
  std::filesystem::create_directory_symlink(folder_.file("real"), folder_.file("link"));
  EXPECT_EQ(resolve_path(folder_.file("link/cache.db")).value(), folder_.file("real/cache.db"));
}

TEST_F(CacheFileTest, ALockThatIsASymlinkIsRefused) {
  std::filesystem::create_symlink(folder_.file("elsewhere"), path_ + ".lock");
  const auto lock = FileLock::acquire(path_, report_);
  ASSERT_FALSE(lock);
  EXPECT_EQ(lock.error().code, ErrorCode::storage_unavailable);
  expect_names(lock.error(), path_ + ".lock");
  EXPECT_FALSE(std::filesystem::exists(folder_.file("elsewhere")));
}

TEST_F(CacheFileTest, OnlyOneHoldsTheLock) {
  const auto first = FileLock::acquire(path_, report_);
  ASSERT_TRUE(first);
  const auto second = FileLock::acquire(path_, report_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::storage_in_use);
  expect_names(second.error(), path_);
}

TEST_F(CacheFileTest, TheLockIsGivenBack) {
  { const auto first = FileLock::acquire(path_, report_).value(); }
  auto second = FileLock::acquire(path_, report_);
  ASSERT_TRUE(second);
  const FileLock moved = std::move(*second);
  EXPECT_FALSE(FileLock::acquire(path_, report_)) << "moving keeps it";
}

TEST_F(CacheFileTest, AFreshFileIsSetUpAsTheDaemonNeedsIt) {
  Connection connection = open();
  EXPECT_EQ(connection.integer("PRAGMA auto_vacuum").value(), 2);
  EXPECT_EQ(connection.integer("PRAGMA synchronous").value(), 1);
  EXPECT_EQ(connection.integer("SELECT journal_mode = 'wal' FROM pragma_journal_mode").value(), 1);
  EXPECT_EQ(connection.integer("PRAGMA application_id").value(), 0x524f4b54);
  EXPECT_EQ(connection.integer("PRAGMA user_version").value(), 5);
  EXPECT_EQ(connection.integer("SELECT count(*) FROM responses").value(), 0);
  EXPECT_EQ(connection.integer("SELECT entries + bytes FROM totals").value(), 0);
}

TEST_F(CacheFileTest, AFileOfZeroBytesIsAFreshOne) {
  examples::write_file(path_, "");
  EXPECT_TRUE(open_at_all());
}

TEST_F(CacheFileTest, OpeningAgainChangesNothing) {
  { open().execute("UPDATE totals SET entries = 7").value(); }
  Connection again = open();
  EXPECT_EQ(again.integer("SELECT entries FROM totals").value(), 7);
}

TEST_F(CacheFileTest, AnUnfinishedSetUpIsBegunAgain) {
  {
    open()
        .execute("DROP TABLE responses; DROP TABLE totals; DROP TABLE credentials; PRAGMA user_version = 0")
        .value();
  }
  Connection again = open();
  EXPECT_EQ(again.integer("SELECT count(*) FROM responses").value(), 0);
}

TEST_F(CacheFileTest, GarbageIsCorrupt) {
  for (const std::size_t size : {std::size_t{2}, std::size_t{100}, std::size_t{4096}, std::size_t{100'000}}) {
    examples::write_file(path_, std::string(size, 'x'));
    const auto opened = open_at_all();
    ASSERT_FALSE(opened) << size;
    EXPECT_EQ(opened.error().code, ErrorCode::storage_corrupt) << size << ": " << opened.error().context;
  }
}

TEST_F(CacheFileTest, ADatabaseOfAnotherProgramIsRefusedAndLeftAsItIs) {
  {
    Connection other = Connection::open(path_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE).value();
    other.execute("CREATE TABLE notes (text); INSERT INTO notes VALUES ('dear')").value();
  }
  const std::string before = examples::contents_of(path_);
  const auto opened = open_at_all();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::storage_unavailable);
  expect_names(opened.error(), path_);
  EXPECT_TRUE(examples::contents_of(path_) == before);
}

TEST_F(CacheFileTest, AFileOfANewerVersionIsRefusedAndLeftAsItIs) {
  { open().execute("PRAGMA user_version = 99").value(); }
  const std::string before = examples::contents_of(path_);
  const auto opened = open_at_all();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::storage_unavailable);
  expect_names(opened.error(), path_);
  EXPECT_TRUE(examples::contents_of(path_) == before);
}

TEST_F(CacheFileTest, AFileOfAnEarlierVersionIsOutdatedAndLeftAsItIs) {
  { open().execute("UPDATE totals SET entries = 7; PRAGMA user_version = 4").value(); }
  const std::string before = examples::contents_of(path_);
  const auto opened = open_at_all();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::storage_outdated);
  EXPECT_EQ(opened.error().context,
            "(schema 4, this one has 5), whose keys are not in use any more; its 7 entries");
  EXPECT_TRUE(examples::contents_of(path_) == before);
}

TEST_F(CacheFileTest, DiscardingDeletesTheFileWithItsLog) {
  for (const char* suffix : {"", "-wal", "-shm"}) examples::write_file(path_ + suffix, "old");
  ASSERT_TRUE(discard(path_));
  for (const char* suffix : {"", "-wal", "-shm", "-journal"})
    EXPECT_FALSE(std::filesystem::exists(path_ + suffix)) << suffix;
  EXPECT_TRUE(discard(path_)) << "and there may be none";
}

TEST_F(CacheFileTest, AReaderCannotWrite) {
  const Connection writer = open();
  Connection reader = open_for_reading(CacheFile{path_, identity_of(path_)}, pages_bytes).value();
  EXPECT_TRUE(reader.integer("SELECT count(*) FROM responses"));
  EXPECT_FALSE(reader.execute("DELETE FROM responses"));
}

TEST_F(CacheFileTest, TheLimitOfPagesIsHeld) {
  Connection connection = open_for_writing(prepare().value(), 64).value();
  connection.execute("CREATE TABLE filler (bytes)").value();
  const auto filled = connection.execute("INSERT INTO filler VALUES (zeroblob(1000000))");
  ASSERT_FALSE(filled);
  EXPECT_EQ(filled.error().code, ErrorCode::storage_full);
}

TEST_F(CacheFileTest, SettingAsideMovesTheFileWithItsLog) {
  for (const char* suffix : {"", "-wal", "-shm", "-journal"})
    examples::write_file(path_ + suffix, std::string("bad") + suffix);
  const auto target = set_aside(path_);
  ASSERT_TRUE(target);
  EXPECT_TRUE(target->starts_with(path_ + ".corrupt-")) << *target;
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
    EXPECT_FALSE(std::filesystem::exists(path_ + suffix)) << suffix;
    EXPECT_EQ(examples::contents_of(*target + suffix), std::string("bad") + suffix);
  }
}

TEST_F(CacheFileTest, SettingAsideTwiceInASecondKeepsBoth) {
  for (const char* contents : {"first", "second"}) {
    examples::write_file(path_, contents);
    set_aside(path_).value();
  }
  EXPECT_EQ(folder_.count("cache.db.corrupt-"), 2);
}

TEST_F(CacheFileTest, TheLastTwoThatWereSetAsideAreKept) {
  for (const char* old : {"20260101T000000Z", "20260102T000000Z", "20260102T000000Z-2"}) {
    examples::write_file(path_ + ".corrupt-" + old, old);
    examples::write_file(path_ + ".corrupt-" + old + "-wal", "log");
  }
  examples::write_file(path_, "newest");
  const std::string newest = set_aside(path_).value();
  EXPECT_EQ(examples::contents_of(newest), "newest");
  EXPECT_TRUE(std::filesystem::exists(path_ + ".corrupt-20260102T000000Z-2-wal"));
  EXPECT_EQ(folder_.count("cache.db.corrupt-"), 3) << "two files, and a log of one of them";
  ASSERT_TRUE(keep_set_aside(path_, 0));
  EXPECT_EQ(folder_.count("cache.db.corrupt-"), 0);
}

TEST_F(CacheFileTest, SettingAsideAMissingFileFails) {
  const auto target = set_aside(path_);
  ASSERT_FALSE(target);
  expect_names(target.error(), path_);
}

/// A look refuses beforehand whatever is refused when the file is opened; and it makes nothing.
class CacheFileLookTest : public CacheFileTest {
 protected:
  void expect_refused(const std::string& reason) const {
    const auto looked_at = check_cache_file(path_);
    ASSERT_FALSE(looked_at);
    EXPECT_EQ(looked_at.error().code, ErrorCode::storage_unavailable);
    EXPECT_NE(looked_at.error().context.find(reason), std::string::npos) << looked_at.error().context;
  }
  [[nodiscard]] std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder_.path()), {}));
  }
};

TEST_F(CacheFileLookTest, TakesWhatIsMissing) {
  EXPECT_TRUE(check_cache_file(path_));
  EXPECT_TRUE(check_cache_file(folder_.file("new/newer/cache.db")));
  EXPECT_EQ(files(), 0U);
}

TEST_F(CacheFileLookTest, TakesOneThatIsOursWhetherOrNotItIsOpen) {
  {
    const auto lock = FileLock::acquire(path_, report_);
    const Connection connection = open();
    EXPECT_TRUE(check_cache_file(path_));
  }
  EXPECT_TRUE(check_cache_file(path_));
  EXPECT_EQ(files(), 2U) << "the file and its lock";
}

TEST_F(CacheFileLookTest, TakesADamagedOneWhichIsSetAside) {
  examples::write_file(path_, std::string(8192, 'x'));
  ::chmod(path_.c_str(), 0600);
  EXPECT_TRUE(check_cache_file(path_));
  EXPECT_EQ(examples::contents_of(path_), std::string(8192, 'x'));
}

TEST_F(CacheFileLookTest, RefusesAnotherProgramsAndAnotherVersions) {
  {
    auto other = Connection::open(path_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE).value();
    ASSERT_TRUE(other.execute("CREATE TABLE precious (x)"));
    ::chmod(path_.c_str(), 0600);
  }
  expect_refused("is a database of another program");
  {
    auto later = Connection::open(path_, SQLITE_OPEN_READWRITE).value();
    ASSERT_TRUE(later.execute("PRAGMA application_id = 0x524f4b54; PRAGMA user_version = 999"));
  }
  expect_refused("was written by a newer roktcached");
}

TEST_F(CacheFileLookTest, RefusesWhatLiesBesideItAndMustNot) {
  for (const char* suffix : {"", ".lock", "-wal", "-shm", "-journal"}) {
    std::filesystem::create_symlink("elsewhere", path_ + suffix);
    expect_refused(path_ + suffix + ": is a symlink");
    std::filesystem::remove(path_ + suffix);
  }
}

}  // namespace
}  // namespace roktcached::storage
