/// Faults of the file and of the disk under a SqliteStore. Files are damaged by overwriting them, a full disk
/// is a limit on the size of files (setrlimit), a crash is a child process that is killed while it writes.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "tests/unit/storage/sqlite/sqlite_store_fixture.h"

namespace roktcached::storage {
namespace {

using examples::key;
using examples::noon;
using examples::shared_response;
using namespace std::chrono_literals;

/// While it lives no file of this process can grow beyond `bytes`, as if the disk were full.
class FullDisk {
 public:
  explicit FullDisk(std::uint64_t bytes) : signal_before_(::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limited{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limited);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, signal_before_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  void (*signal_before_)(int);
  rlimit before_{};
};

class SqliteStoreFaultsTest : public SqliteStoreFixture {
 protected:
  void fill(int count) {
    const auto store = open();
    for (int number = 0; number < count; ++number) {
      store->put(shared_response(number, examples::noise(2000, static_cast<std::uint64_t>(number))));
    }
  }
  /// Writes noise over the file from `from` on, in place: connections that are open see it.
  void overwrite(std::uint64_t from) {
    const std::string bytes = examples::noise(std::filesystem::file_size(options_.path) - from, 42);
    std::fstream file(options_.path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(from));
    file << bytes;
  }
  /// A response that is found is as it was put, byte for byte; the damage decides how many are found.
  static void expect_nothing_wrong(SqliteStore& store, int count) {
    for (int number = 0; number < count; ++number) {
      const auto read = store.find(key(number), noon);
      if (read && *read) {
        EXPECT_TRUE(examples::same(
            **read, *shared_response(number, examples::noise(2000, static_cast<std::uint64_t>(number)))));
      }
    }
  }
  static void expect_works(SqliteStore& store) {
    store.put(shared_response(100'000));
    store.flush();
    EXPECT_NE(found(store, 100'000), nullptr);
  }
};

TEST_F(SqliteStoreFaultsTest, GarbageIsSetAsideAndAFreshFileBegun) {
  const std::string garbage(100'000, 'x');
  examples::write_file(options_.path, garbage);
  ::chmod(options_.path.c_str(), 0600);
  const auto store = open();
  ASSERT_EQ(reports().size(), 1U);
  EXPECT_NE(reports()[0].find(options_.path + ".corrupt-"), std::string::npos) << reports()[0];
  EXPECT_EQ(folder_.count("cache.db.corrupt-"), 1);
  expect_works(*store);
}

TEST_F(SqliteStoreFaultsTest, WhatIsSetAsideIsForItsOwnerOnly) {
  examples::write_file(options_.path, std::string(100'000, 'x'));
  ::chmod(options_.path.c_str(), 0644);
  const auto store = open();
  ASSERT_EQ(reports().size(), 2U);
  EXPECT_NE(reports()[0].find("had mode 0644"), std::string::npos) << reports()[0];
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    struct stat status {};
    ASSERT_EQ(::stat(entry.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U) << entry.path();
  }
  EXPECT_EQ(folder_.count("cache.db.corrupt-"), 1);
}

TEST_F(SqliteStoreFaultsTest, AHalfOverwrittenFileNeverGivesAWrongAnswer) {
  fill(2000);
  overwrite(std::filesystem::file_size(options_.path) / 2);
  const auto store = open();
  expect_nothing_wrong(*store, 2000);
  store->flush();
  expect_nothing_wrong(*store, 2000);
  EXPECT_GT(store->statistics()[0].errors, 0U);
  expect_works(*store);
}

TEST_F(SqliteStoreFaultsTest, AFileWithoutItsSecondHalfNeverGivesAWrongAnswer) {
  fill(2000);
  std::filesystem::resize_file(options_.path, std::filesystem::file_size(options_.path) / 2 / 4096 * 4096);
  const auto store = open();
  expect_nothing_wrong(*store, 2000);
  store->flush();
  expect_works(*store);
}

TEST_F(SqliteStoreFaultsTest, AFileThatIsDamagedWhileItIsOpenIsSetAsideOnce) {
  fill(2000);
  const auto store = open();
  overwrite(4096);
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) readers.emplace_back([&] { expect_nothing_wrong(*store, 300); });
  for (auto& reader : readers) reader.join();
  store->flush();
  for (int number = 0; number < 5; ++number) {
    store->put(shared_response(100'000 + number));
    store->flush();
  }
  EXPECT_EQ(folder_.count("cache.db.corrupt-"), 1) << "the fresh file is sound";
  for (int number = 1; number < 5; ++number) EXPECT_NE(found(*store, 100'000 + number), nullptr) << number;
}

TEST_F(SqliteStoreFaultsTest, ADamagedRowIsRemovedAndCounted) {
  const auto store = open();
  store->put(shared_response(1));
  store->put(shared_response(2));
  store->flush();
  connect().execute("UPDATE responses SET status = 500 WHERE campaign_id = '1'").value();
  const auto damaged = store->find(key(1), noon);
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, ErrorCode::storage_corrupt);
  store->flush();
  EXPECT_EQ(found(*store, 1), nullptr);
  EXPECT_NE(found(*store, 2), nullptr);
  EXPECT_EQ(store->statistics()[0].errors, 1U);
  EXPECT_EQ(store->statistics()[0].entries, 1U);
  EXPECT_EQ(folder_.count("cache.db.corrupt-"), 0);
}

TEST_F(SqliteStoreFaultsTest, ADamagedBodyIsReplacedByTheSameBodyPutAgain) {
  options_.linger = 1h;  // the removal is still queued when the response comes back
  const auto store = open();
  const auto put = shared_response(1, std::string(5000, 'a'));
  store->put(put);
  store->flush();
  connect().execute("UPDATE responses SET body = zeroblob(length(body))").value();
  ASSERT_FALSE(store->find(key(1), noon));
  store->put(put);
  store->flush();
  const auto read = store->find(key(1), noon);
  ASSERT_TRUE(read) << read.error().context;
  ASSERT_NE(*read, nullptr);
  EXPECT_TRUE(examples::same(**read, *put));
}

TEST_F(SqliteStoreFaultsTest, AFullDiskTurnsWritingOffAndNothingElse) {
  options_.retry_after = 1h;
  const auto store = open();
  store->put(shared_response(1));
  store->flush();
  EXPECT_TRUE(store->takes_writes());
  {
    const FullDisk full(256 << 10);
    for (int number = 10; number < 20; ++number)
      store->put(shared_response(number, examples::noise(200'000, 1)));
    store->flush();
  }
  EXPECT_FALSE(store->takes_writes());
  EXPECT_NE(found(*store, 1), nullptr) << "reads go on";
  const auto statistics = store->statistics()[0];
  EXPECT_EQ(statistics.dropped_writes, 10U);
  EXPECT_GT(statistics.errors, 0U);
  ASSERT_EQ(reports().size(), 1U);
  EXPECT_NE(reports()[0].find(options_.path), std::string::npos) << reports()[0];
  store->put(shared_response(2));
  store->flush();
  EXPECT_EQ(found(*store, 2), nullptr) << "it is not time to try again";
  EXPECT_EQ(store->statistics()[0].dropped_writes, 11U);
  EXPECT_EQ(folder_.count("cache.db.corrupt-"), 0);
}

TEST_F(SqliteStoreFaultsTest, WritingGoesOnOnceTheDiskHasRoom) {
  options_.retry_after = 0ms;
  const auto store = open();
  {
    const FullDisk full(256 << 10);
    for (int number = 10; number < 20; ++number)
      store->put(shared_response(number, examples::noise(200'000, 1)));
    store->flush();
    ASSERT_GT(store->statistics()[0].dropped_writes, 0U);
  }
  expect_works(*store);
  EXPECT_EQ(connect().integer("SELECT integrity_check = 'ok' FROM pragma_integrity_check").value(), 1);
}

TEST_F(SqliteStoreFaultsTest, AWriterThatRunsOutOfMemoryDropsItsBatchAndGoesOn) {
  options_.retry_after = 0ms;
  std::atomic<bool> out_of_memory{true};
  options_.report = [&](std::string_view) {
    if (out_of_memory) throw std::bad_alloc();  // in the writer's thread
  };
  const auto store = open();
  {
    const FullDisk full(256 << 10);
    for (int number = 10; number < 20; ++number)
      store->put(shared_response(number, examples::noise(200'000, 1)));
    store->flush();
  }
  EXPECT_GT(store->statistics()[0].dropped_writes, 0U);
  out_of_memory = false;
  expect_works(*store);
  EXPECT_EQ(store->purge({caching::Everything{}, caching::PurgeKind::hard}, noon).value(), 1U);
}

TEST_F(SqliteStoreFaultsTest, AHardPurgeRemovesWhatWasSetAsideAndASoftOneDoesNot) {
  examples::write_file(options_.path, std::string(100'000, 'x'));
  ::chmod(options_.path.c_str(), 0600);
  const auto store = open();
  ASSERT_EQ(folder_.count("cache.db.corrupt-"), 1);
  const caching::Selection account = caching::OfAccount{"7", std::nullopt};
  ASSERT_TRUE(store->purge({account, caching::PurgeKind::soft}, noon));
  EXPECT_EQ(folder_.count("cache.db.corrupt-"), 1);
  ASSERT_TRUE(store->purge({account, caching::PurgeKind::hard}, noon));
  EXPECT_EQ(folder_.count("cache.db.corrupt-"), 0);
}

/// Runs in a child, as a user without rights on the folder.
/// @return the exit code: 0 if opening was refused with one line that names the path
int open_as_nobody(const SqliteOptions& options) {
  constexpr uid_t nobody = 65534;
  if (::geteuid() == 0 && ::setresuid(nobody, nobody, nobody) != 0) return 2;
  const auto opened = SqliteStore::open(options);
  if (opened) return 3;
  const std::string& line = opened.error().context;
  return opened.error().code == ErrorCode::storage_unavailable && line.find(options.path) != std::string::npos
             ? 0
             : 4;
}

int exit_code_of(pid_t child) {
  int status = 0;
  return ::waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(SqliteStoreFaultsTest, AFolderThatCannotBeWrittenIsRefused) {
  ::chmod(folder_.path().c_str(), 0555);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) ::_exit(open_as_nobody(options_));
  EXPECT_EQ(exit_code_of(child), 0);
  ::chmod(folder_.path().c_str(), 0700);
}

TEST_F(SqliteStoreFaultsTest, AFileThatCannotBeReadIsRefusedAndStays) {
  examples::write_file(options_.path, "secret");
  ::chmod(folder_.path().c_str(), 01777);
  ::chmod(options_.path.c_str(), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) ::_exit(open_as_nobody(options_));
  EXPECT_EQ(exit_code_of(child), 0);
  ::chmod(options_.path.c_str(), 0600);
  EXPECT_EQ(examples::contents_of(options_.path), "secret");
}

/// Runs in a child: puts without end, and tells the number below which everything has been flushed.
[[noreturn]] void write_until_killed(SqliteOptions options, int progress) {
  options.report = [](std::string_view) {};
  const auto store = SqliteStore::open(std::move(options)).value();
  for (int number = 0;; ++number) {
    store->put(shared_response(number, examples::noise(3000, static_cast<std::uint64_t>(number))));
    if (number % 50 != 49) continue;
    store->flush();
    const int flushed = number + 1;
    if (::write(progress, &flushed, sizeof flushed) != sizeof flushed) ::_exit(1);
  }
}

TEST_F(SqliteStoreFaultsTest, WhatWasFlushedSurvivesAKillInTheMiddleOfWrites) {
  int progress[2];
  ASSERT_EQ(::pipe(progress), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) write_until_killed(options_, progress[1]);
  ::close(progress[1]);
  int flushed = 0;
  while (flushed < 1000 && ::read(progress[0], &flushed, sizeof flushed) == sizeof flushed) continue;
  ::kill(child, SIGKILL);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself";
  ::close(progress[0]);
  ASSERT_GE(flushed, 1000);

  const auto store = open();
  EXPECT_EQ(integer("SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
  for (int number = 0; number < flushed; ++number) ASSERT_NE(found(*store, number), nullptr) << number;
  EXPECT_EQ(static_cast<std::int64_t>(store->statistics()[0].entries),
            integer("SELECT count(*) FROM responses"));
  EXPECT_TRUE(reports().empty());
}

}  // namespace
}  // namespace roktcached::storage
