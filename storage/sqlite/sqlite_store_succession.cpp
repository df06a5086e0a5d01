/// How a SqliteStore takes the file over from another process that has it still and is about to end. Until
/// the other has written out what it has, and has given up the lock, this one reads the file, as any program
/// may, and lets its own writes wait in the queue, where readers see them. So neither of the two forgets an
/// entry.
#include <algorithm>
#include <limits>
#include <new>
#include <thread>

#include "storage/sqlite/sqlite_store.h"

namespace roktcached::storage {

namespace {

/// A process that ends takes half of it at the most.
constexpr std::chrono::seconds longest_succession{30};
constexpr std::chrono::milliseconds look_every_so_often{20};

}  // namespace

/// Reads the file that the former process still has. If that is not possible, finds are misses until the file
/// is this process's own.
void SqliteStore::read_of_predecessor() {
  if (const auto opened = open_readers_of_predecessor(); !opened) {
    options_.report(options_.path +
                    ": is not read before the process that has it has ended: " + opened.error().context);
    read_failures_ = std::numeric_limits<unsigned>::max() / 2;
  }
}

/// Rows of another version, or of another owner, are not this process's to read: that is settled when the
/// file is opened for writing.
Result<void> SqliteStore::open_readers_of_predecessor() {
  const auto refused = [](const char* why) { return Error{ErrorCode::storage_unavailable, false, why}; };
  const auto file = prepare_file(options_.path, options_.report);
  if (!file) return file.error();
  {
    auto connection = open_for_reading(*file, 0);
    if (!connection) return connection.error();
    const auto readable = is_of_this_version(*connection);
    if (!readable) return readable.error();
    if (!*readable) return refused("it is of another version");
    for (const RowOwner& owner : options_.owners) {
      const auto known = knows_owner(*connection, owner);
      if (!known) return known.error();
      if (!*known) return refused("a credential in it has another app id or another upstream");
    }
  }
  if (const auto opened = readers_.open(*file); !opened) return opened;
  file_ = *file;
  return {};
}

/// On the writer's thread, before it writes anything.
void SqliteStore::wait_for_predecessor() {
  const auto until = std::chrono::steady_clock::now() + longest_succession;
  while (std::chrono::steady_clock::now() < until && !queue_.is_finished()) {
    auto lock = FileLock::acquire(options_.path, options_.report);
    if (lock) {
      lock_ = std::move(*lock);
      return take_file_of_predecessor();
    }
    const bool is_in_use = lock.error().code == ErrorCode::storage_in_use;
    if (!is_in_use) count_error();
    if (!is_in_use && !lock.error().retryable) break;
    readers_.move_on();  // so that finds see what the other has written since
    std::this_thread::sleep_for(look_every_so_often);
  }
  if (!queue_.is_finished()) take_file_of_predecessor();
}

/// The readers that are open stay so, and no find misses in between; but prepare_file, which begins a file
/// anew, is for a process that has none open.
void SqliteStore::take_file_of_predecessor() {
  waits_for_predecessor_ = false;
  if (lock_ && file_ && open_connections(*file_)) {
    watch_.emplace(*file_);
    return read_totals();
  }
  readers_.close();
  file_.reset();
  const auto opened = open_or_begin_anew();
  opened ? read_totals() : stay_without_file(opened.error());
}

/// A reader may have a snapshot from before the other one's purge.
Result<std::uint64_t> SqliteStore::purge_after_other(const caching::Purge& purge, WallTime now) {
  if (!waits_for_predecessor_) return this->purge(purge, now);
  try {
    static_cast<void>(queue_.purge(purge, now));
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::storage_unavailable, true, "out of memory"};
  }
  readers_.move_on();
  return std::uint64_t{0};
}

}  // namespace roktcached::storage
