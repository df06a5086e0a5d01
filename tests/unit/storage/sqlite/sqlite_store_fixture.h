#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "storage/sqlite/sqlite_handle.h"
#include "storage/sqlite/sqlite_store.h"
#include "tests/unit/storage/examples.h"

namespace roktcached::storage {

/// A SqliteStore in a folder of its own, and a look at its file from outside.
class SqliteStoreFixture : public testing::Test {
 protected:
  SqliteStoreFixture() {
    options_.path = folder_.file("cache.db");
    options_.linger = std::chrono::milliseconds{1};
    options_.report = [this](std::string_view line) {
      const std::lock_guard lock(mutex_);
      reports_.emplace_back(line);
    };
  }

  std::unique_ptr<SqliteStore> open() { return SqliteStore::open(options_).value(); }
  static StoredResponsePtr found(SqliteStore& store, int number) {
    return store.find(examples::key(number), examples::noon).value();
  }

  /// The lines that the store has told the operator so far.
  std::vector<std::string> reports() {
    const std::lock_guard lock(mutex_);
    return reports_;
  }

  /// A connection such as another program would have.
  Connection connect() {
    return Connection::open(options_.path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE).value();
  }
  std::int64_t integer(const char* sql) { return connect().integer(sql).value(); }

  [[nodiscard]] std::uint64_t size_on_disk() const {
    std::uint64_t size = 0;
    for (const char* suffix : {"", "-wal"}) {
      std::error_code absent;
      const auto part = std::filesystem::file_size(options_.path + suffix, absent);
      if (!absent) size += part;
    }
    return size;
  }

  /// The store evicts by the wall clock, so what must not be expired is made now.
  static WallTime recently() {
    return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  }

  void expect_names_path(const Error& error) const {
    EXPECT_NE(error.context.find(options_.path), std::string::npos) << error.context;
    EXPECT_EQ(error.context.find('\n'), std::string::npos) << error.context;
  }

  examples::Folder folder_;
  SqliteOptions options_;

 private:
  std::mutex mutex_;
  std::vector<std::string> reports_;
};

}  // namespace roktcached::storage
