#include "storage/sqlite/sqlite_store.h"

#include <algorithm>
#include <array>
#include <future>
#include <thread>

#include "core/caching/decision.h"

namespace roktcached::storage {

namespace {

constexpr std::chrono::minutes touch_granularity{10};
/// Between the attempts at a read that fails; who waits for it does not for long.
constexpr std::array read_pauses = {std::chrono::milliseconds(5), std::chrono::milliseconds(20)};
/// Finds that fail in a row turn reading off.
constexpr unsigned read_failures_max = 3;
/// Between the attempts to open the file at the start.
constexpr std::array open_pauses = {std::chrono::milliseconds(20), std::chrono::milliseconds(100),
                                    std::chrono::milliseconds(400)};

/// The first result that is no error, or one that waiting does not help.
template <class Call>
auto patiently(Call call) -> decltype(call()) {
  auto result = call();
  for (const auto pause : open_pauses) {
    if (result || !result.error().retryable || result.error().code == ErrorCode::storage_locked) break;
    std::this_thread::sleep_for(pause);
    result = call();
  }
  return result;
}

/// A disk that hangs is not waited for by who purges; the rows of a purge of millions take less.
constexpr std::chrono::minutes longest_purge{5};

}  // namespace

SqliteStore::SqliteStore(SqliteOptions options, std::optional<FileLock> lock)
    : options_(std::move(options)),
      pages_max_(
          static_cast<std::int64_t>(options_.max_disk - std::min(log_bytes_max, options_.max_disk / 2)) /
          page_size),
      troubles_(options_.path, options_.report),
      lock_(std::move(lock)),
      queue_(options_.queue),
      readers_(options_.readers, options_.pages, options_.bodies) {}

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(SqliteOptions options) {
  const auto resolved = patiently([&] { return resolve_path(options.path); });
  if (!resolved) return resolved.error();
  options.path = *resolved;
  auto lock = patiently([&] { return FileLock::acquire(options.path, options.report); });
  const bool waits = !lock && options.is_successor && lock.error().code == ErrorCode::storage_in_use;
  if (!lock && !waits) return lock.error();
  std::unique_ptr<SqliteStore> store(
      new SqliteStore(std::move(options), lock ? std::optional(std::move(*lock)) : std::nullopt));
  if (waits) {
    store->waits_for_predecessor_ = true;
    store->read_of_predecessor();
    store->thread_ = std::thread([raw = store.get()] {
      raw->wait_for_predecessor();
      raw->write_loop();
    });
    return store;
  }
  const auto opened = patiently([&] { return store->open_or_begin_anew(); });
  if (!opened && !opened.error().retryable) {
    Error error = opened.error();
    if (!error.context.starts_with(*resolved)) error.context = *resolved + ": " + error.context;
    return error;
  }
  if (opened) {
    store->read_totals();
  } else {
    store->stay_without_file(opened.error());
  }
  store->thread_ = std::thread([raw = store.get()] { raw->write_loop(); });
  return store;
}

SqliteStore::~SqliteStore() {
  queue_.close();
  if (thread_.joinable()) thread_.join();
}

Result<StoredResponsePtr> SqliteStore::find(const Key& key, WallTime now) {
  if (auto queued = queue_.find(key)) return queued;
  if (reading_is_off()) return StoredResponsePtr();
  auto found = read_row(key);
  if (!found) return found.error();
  return newest_of(key, std::move(*found), now);
}

Result<FoundRow> SqliteStore::read_row(const Key& key) {
  auto found = readers_.find(key);
  for (const auto pause : read_pauses) {
    if (found || found.error().code != ErrorCode::storage_unavailable) break;
    count_error();
    std::this_thread::sleep_for(pause);
    found = readers_.find(key);
  }
  if (!found && found.error().code == ErrorCode::overloaded) return found;  // there is no room for it
  if (found) {
    if (read_failures_.load(std::memory_order_relaxed) != 0) read_failures_ = 0;
    return found;
  }
  count_error();
  if (found.error().code == ErrorCode::storage_corrupt) {
    queue_.suspect(key);  // the writer finds out what is so
    return found;
  }
  const std::string why = "cannot be read: " + found.error().context;
  if (++read_failures_ < read_failures_max) {
    troubles_.mention(Troubles::Kind::reading, why);
  } else {
    troubles_.begin(Troubles::Kind::reading, why);
  }
  return found;
}

bool SqliteStore::reading_is_off() const {
  return read_failures_.load(std::memory_order_relaxed) >= read_failures_max;
}

std::optional<StoredResponsePtr> SqliteStore::find_at_once(const Key& key, WallTime now) {
  if (auto queued = queue_.find(key)) return queued;
  if (reading_is_off()) return StoredResponsePtr();
  auto found = readers_.find_at_once(key);
  if (!found) return std::nullopt;
  return newest_of(key, std::move(*found), now);
}

/// A write that came while the row was read is newer than the row.
StoredResponsePtr SqliteStore::newest_of(const Key& key, FoundRow found, WallTime now) {
  if (auto queued = queue_.find(key)) return queued;
  const auto unused_for = now - found.last_used_at;
  const bool to_be_touched = unused_for > touch_granularity || unused_for < -caching::clock_tolerance;
  if (found.response && crowded_ && to_be_touched) queue_.touch(key, now);
  return std::move(found.response);
}

caching::Storing SqliteStore::put(StoredResponsePtr response) {
  auto taken = caching::Storing::too_large_for_cache;
  try {
    if (response->memory_size() <= options_.max_disk / 8)
      taken = queue_.put(std::move(response)) ? caching::Storing::stored : caching::Storing::no_room;
  } catch (const std::bad_alloc&) {
    count_error();
    taken = caching::Storing::no_room;
  }
  if (taken != caching::Storing::stored) dropped_.fetch_add(1, std::memory_order_relaxed);
  return taken;
}

bool SqliteStore::takes_writes() const {
  using Kind = Troubles::Kind;
  return !troubles_.has(Kind::file) && !troubles_.has(Kind::writing) && !troubles_.has(Kind::log);
}

Result<std::uint64_t> SqliteStore::purge(const caching::Purge& purge, WallTime now) {
  try {
    auto done = queue_.purge(purge, now);
    if (done.wait_for(longest_purge) == std::future_status::ready) return done.get();
    return Error{ErrorCode::storage_unavailable, true,
                 "the disk has not done it in time; it may still be done"};
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::storage_unavailable, true, "out of memory"};
  }
}

std::vector<TierStatistics> SqliteStore::statistics() const {
  TierStatistics statistics;
  statistics.tier = "disk";
  statistics.entries = entries_;
  statistics.bytes = bytes_;
  statistics.bytes_max = options_.max_disk;
  statistics.evictions = evictions_;
  statistics.errors = errors_;
  statistics.dropped_writes = dropped_;
  statistics.queued_writes = queue_.size();
  statistics.trouble = troubles_.gravest();
  return {statistics};
}

}  // namespace roktcached::storage
