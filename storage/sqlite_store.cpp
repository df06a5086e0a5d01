#include "storage/sqlite_store.h"

#include <algorithm>

#include "storage/row_purge.h"

namespace roktcached::storage {

namespace {

constexpr std::int64_t page_size = 4096;
/// Of max_disk, what the write-ahead log may take: its checkpoint mark, and one batch on top.
constexpr std::uint64_t log_reserve = std::uint64_t{16} << 20;
constexpr std::size_t batch_entries = 512;
constexpr std::uint64_t batch_bytes = std::uint64_t{4} << 20;
constexpr std::int64_t rows_evicted_at_once = 256;
constexpr std::ptrdiff_t rows_purged_at_once = 2048;
constexpr std::chrono::minutes touch_granularity{10};

/// Pages that a batch may take, index pages and all, if nothing in it can be compressed.
std::int64_t pages_for(const std::vector<Write>& batch) {
  constexpr std::int64_t pages_beside_the_body = 4;
  std::int64_t pages = 0;
  for (const Write& write : batch) {
    const std::size_t size = write.response ? write.response->memory_size() : 0;
    pages += static_cast<std::int64_t>(size) / page_size + pages_beside_the_body;
  }
  return pages;
}

WallTime wall_now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

}  // namespace

SqliteStore::SqliteStore(SqliteOptions options, FileLock lock)
    : options_(std::move(options)),
      lock_(std::move(lock)),
      pages_max_(static_cast<std::int64_t>(options_.max_disk - std::min(log_reserve, options_.max_disk / 2)) /
                 page_size),
      queue_(options_.queue),
      readers_(options_.readers, options_.pages, options_.bodies) {}

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(SqliteOptions options) {
  const auto resolved = resolve_path(options.path);
  if (!resolved) return resolved.error();
  const std::string path = options.path = *resolved;
  auto lock = FileLock::acquire(path, options.report);
  if (!lock) return lock.error();
  std::unique_ptr<SqliteStore> store(new SqliteStore(std::move(options), std::move(*lock)));
  auto opened = store->open_file();
  if (!opened && opened.error().code == ErrorCode::storage_outdated) {
    if (const auto discarded = discard(path); !discarded) return discarded.error();
    store->options_.report(path + ": is of an earlier version, whose keys are not in use any more; its " +
                           opened.error().context + " are deleted, and will be fetched again when asked for");
    opened = store->open_file();
  }
  if (!opened && opened.error().code == ErrorCode::storage_corrupt) {
    const auto aside = set_aside(path);
    if (!aside) return aside.error();
    store->options_.report(path + ": is damaged (" + opened.error().context + "); set aside as " + *aside);
    opened = store->open_file();
  }
  if (!opened) {
    Error error = opened.error();
    if (!error.context.starts_with(path)) error.context = path + ": " + error.context;
    return error;
  }
  store->read_totals();
  store->thread_ = std::thread([raw = store.get()] { raw->write_loop(); });
  return store;
}

SqliteStore::~SqliteStore() {
  queue_.close();
  if (thread_.joinable()) thread_.join();
}

Result<void> SqliteStore::open_file() {
  const auto file = prepare_file(options_.path, options_.report);
  if (!file) return file.error();
  auto connection = open_for_writing(*file, pages_max_);
  if (!connection) return connection.error();
  for (const RowOwner& owner : options_.owners) {
    const auto deleted = claim_rows(*connection, owner);
    if (!deleted) return deleted.error();
    if (*deleted > 0)
      options_.report(options_.path + ": " + std::to_string(*deleted) + " entries of credential " +
                      owner.name +
                      " were fetched with another app id or from another upstream, and are deleted");
  }
  auto rows = RowWriter::prepare(*connection);
  if (!rows) return rows.error();
  if (const auto reading = readers_.open(*file); !reading) return reading.error();
  writer_ = std::make_unique<Writer>(std::move(*connection), std::move(*rows));
  return {};
}

Result<StoredResponsePtr> SqliteStore::find(const Key& key, WallTime now) {
  if (auto queued = queue_.find(key)) return queued;
  const std::uint64_t generation = generation_;
  auto found = readers_.find(key);
  if (!found && found.error().code == ErrorCode::overloaded) return found.error();
  if (!found) {
    errors_.fetch_add(1, std::memory_order_relaxed);
    if (found.error().code == ErrorCode::storage_corrupt) {
      // One damaged row goes; that the file as a whole is unreadable the writer finds out when it tries.
      if (!found.error().retryable) damaged_generation_ = generation;
      queue_.erase(key);
    }
    return found.error();
  }
  return newest_of(key, std::move(*found), now);
}

std::optional<StoredResponsePtr> SqliteStore::find_at_once(const Key& key, WallTime now) {
  if (auto queued = queue_.find(key)) return queued;
  auto found = readers_.find_at_once(key);
  if (!found) return std::nullopt;
  return newest_of(key, std::move(*found), now);
}

/// A write that came while the row was read is newer than the row.
StoredResponsePtr SqliteStore::newest_of(const Key& key, FoundRow found, WallTime now) {
  if (auto queued = queue_.find(key)) return queued;
  if (found.response && crowded_ && now - found.last_used_at > touch_granularity) queue_.touch(key, now);
  return std::move(found.response);
}

void SqliteStore::put(StoredResponsePtr response) {
  const bool too_large = response->memory_size() > options_.max_disk / 8;
  if (too_large || !queue_.put(std::move(response))) dropped_.fetch_add(1, std::memory_order_relaxed);
}

/// The root of the writer's thread. What throws, for want of memory above all, costs the batch or the purge
/// that it hit, and nothing else.
void SqliteStore::write_loop() {
  constexpr std::chrono::milliseconds pause{10};  // memory comes back when others have let go of it
  for (bool more = true; more;) {
    try {
      more = write_next();
    } catch (const std::exception&) {
      errors_.fetch_add(1, std::memory_order_relaxed);
      std::this_thread::sleep_for(pause);
    }
  }
}

/// @return false once the queue is closed and all of it is written
bool SqliteStore::write_next() {
  const std::vector<Write> batch = queue_.take(batch_entries, batch_bytes, options_.linger);
  if (!batch.empty()) {
    write(batch);
    queue_.done();
  }
  auto order = queue_.take_purge();
  if (!order) return !batch.empty();
  Result<std::uint64_t> purged = std::uint64_t{0};
  try {
    purged = purge_rows(*order);
  } catch (const std::exception& failure) {
    errors_.fetch_add(1, std::memory_order_relaxed);
    purged = Error{ErrorCode::storage_unavailable, ErrorSource::storage, true, failure.what()};
  }
  order->result.set_value(std::move(purged));
  return true;
}

void SqliteStore::write(const std::vector<Write>& batch) {
  bool written = false;
  try {
    written = try_to_write(batch);
  } catch (const std::exception&) {
    errors_.fetch_add(1, std::memory_order_relaxed);
  }
  if (!written) dropped_.fetch_add(batch.size(), std::memory_order_relaxed);
}

/// @return whether it is in the file
bool SqliteStore::try_to_write(const std::vector<Write>& batch) {
  if (damaged_generation_ == generation_)
    recover({ErrorCode::storage_corrupt, ErrorSource::storage, false, "a reader found it unreadable"});
  if (!writer_ || std::chrono::steady_clock::now() < writing_off_until_) return false;
  auto written = write_batch(batch);
  if (!written && written.error().code == ErrorCode::storage_full && keep_within_bounds(pages_for(batch)))
    written = write_batch(batch);
  const bool in_file = written.has_value();
  if (in_file) written = keep_within_bounds(0);
  read_totals();
  if (!written) {
    errors_.fetch_add(1, std::memory_order_relaxed);
    recover(written.error());
  }
  return in_file;
}

Result<void> SqliteStore::write_batch(const std::vector<Write>& batch) {
  auto transaction = Transaction::begin(writer_->connection);
  if (!transaction) return transaction.error();
  for (const Write& write : batch) {
    auto written = write.damaged ? writer_->rows.erase(write.key.hash()) : Result<void>();
    if (written && write.response) written = writer_->rows.put(writer_->connection, *write.response);
    if (written && write.touched_at) written = writer_->rows.touch(write.key.hash(), *write.touched_at);
    if (!written) return written;
  }
  return commit(*transaction);
}

/// After it has returned, every find sees what was written. The log can begin anew once all of it is in the
/// file and nobody reads from it any more.
Result<void> SqliteStore::commit(Transaction& transaction) {
  auto committed = transaction.commit();
  after_commit();
  return committed;
}

void SqliteStore::after_commit() {
  readers_.move_on();
  if (!writer_->checkpoint.is_due()) return;
  readers_.wait_for_finds();
  writer_->checkpoint.make();
  readers_.move_on();
}

/// A file that is damaged is set aside with all that was to be purged; where there is none, nothing is found.
Result<std::uint64_t> SqliteStore::purge_rows(const QueuedPurge& order) {
  // Nobody can say what is in a damaged file, so a hard purge reaches it by removing it.
  if (order.purge.kind == caching::PurgeKind::hard) {
    if (const auto removed = keep_set_aside(options_.path, 0); !removed) return removed.error();
  }
  if (!writer_) return order.met.size();
  auto purged = purge_slices(order);
  read_totals();
  if (purged) return purged;
  errors_.fetch_add(1, std::memory_order_relaxed);
  const bool replaced = purged.error().code == ErrorCode::storage_corrupt;
  if (replaced) recover(purged.error());
  return replaced ? Result<std::uint64_t>(order.met.size()) : purged;
}

/// One transaction for what the purge met in the queue, and one a slice for the rest, between which the queue
/// is written: a purge of a million rows must not make it overflow.
Result<std::uint64_t> SqliteStore::purge_slices(const QueuedPurge& order) {
  const std::uint64_t generation = generation_;
  std::uint64_t purged = order.met.size();
  auto rows = RowPurge::prepare(writer_->connection, order.purge, order.now);
  if (!rows) return rows.error();
  if (!order.met.empty()) {
    auto transaction = Transaction::begin(writer_->connection);
    if (!transaction) return transaction.error();
    for (const auto& hash : order.met) {
      if (const auto done = rows->purge(hash); !done) return done.error();
    }
    if (const auto committed = commit(*transaction); !committed) return committed.error();
  }
  const bool whole = std::holds_alternative<caching::Everything>(order.purge.selection);
  if (whole && order.purge.kind == caching::PurgeKind::hard) {
    auto transaction = Transaction::begin(writer_->connection);
    if (!transaction) return transaction.error();
    const auto deleted = delete_all_rows(writer_->connection);
    if (!deleted) return deleted.error();
    if (const auto committed = commit(*transaction); !committed) return committed.error();
    return purged + *deleted;
  }
  const auto selected = rows->selected();
  if (!selected) return selected.error();
  for (auto id = selected->begin(); id != selected->end();) {
    const auto end = id + std::min<std::ptrdiff_t>(rows_purged_at_once, selected->end() - id);
    auto transaction = Transaction::begin(writer_->connection);
    if (!transaction) return transaction.error();
    for (; id != end; ++id) {
      const auto done = rows->purge(*id);
      if (!done) return done.error();
      if (*done) ++purged;
    }
    if (const auto committed = commit(*transaction); !committed) return committed.error();
    const std::vector<Write> batch = queue_.take_waiting(batch_entries, batch_bytes);
    if (batch.empty()) continue;
    write(batch);
    queue_.done();
    if (generation_ != generation) break;  // the file was damaged, and another one begun
  }
  return purged;
}

Result<std::int64_t> SqliteStore::pages_in_use() {
  const auto pages = writer_->connection.integer("PRAGMA page_count");
  if (!pages) return pages.error();
  const auto free = writer_->connection.integer("PRAGMA freelist_count");
  if (!free) return free.error();
  return *pages - *free;
}

/// Above 95 % of the bound rows go until 90 % are in use; where a batch found no room, until it has it. A
/// file that is larger than its bound, because the bound was lowered, is shortened.
/// @param room  pages that are to be free
Result<void> SqliteStore::keep_within_bounds(std::int64_t room) {
  auto used = pages_in_use();
  if (!used) return used.error();
  const std::int64_t target = std::min(pages_max_ * 90 / 100, pages_max_ - room);
  if (room > 0 || *used > pages_max_ * 95 / 100) {
    while (*used > target) {
      const auto evicted = evict(*used, target);
      if (!evicted) return evicted.error();
      if (*evicted == 0) break;
      used = pages_in_use();
      if (!used) return used.error();
    }
  }
  const auto pages = writer_->connection.integer("PRAGMA page_count");
  if (!pages) return pages.error();
  if (*pages <= pages_max_) return {};
  const auto shortened = writer_->connection.execute("PRAGMA incremental_vacuum");
  after_commit();  // it commits by itself
  return shortened;
}

/// One step from `used` pages towards `target`: as many rows as that takes if all were of one size, within
/// limits.
Result<std::int64_t> SqliteStore::evict(std::int64_t used, std::int64_t target) {
  const auto entries = writer_->connection.integer("SELECT entries FROM totals");
  if (!entries) return entries.error();
  const std::int64_t count =
      std::clamp<std::int64_t>(*entries * (used - target) / used, 1, rows_evicted_at_once);
  auto transaction = Transaction::begin(writer_->connection);
  if (!transaction) return transaction.error();
  const auto evicted = writer_->rows.evict(writer_->connection, wall_now(), count);
  if (!evicted) return evicted.error();
  if (const auto committed = commit(*transaction); !committed) return committed.error();
  evictions_.fetch_add(static_cast<std::uint64_t>(*evicted), std::memory_order_relaxed);
  return evicted;
}

void SqliteStore::read_totals() {
  if (!writer_) return;
  const auto entries = writer_->connection.integer("SELECT entries FROM totals");
  const auto bytes = writer_->connection.integer("SELECT bytes FROM totals");
  if (entries) entries_ = static_cast<std::uint64_t>(std::max<std::int64_t>(*entries, 0));
  if (bytes) bytes_ = static_cast<std::uint64_t>(std::max<std::int64_t>(*bytes, 0));
  if (const auto used = pages_in_use()) crowded_ = *used > pages_max_ / 2;
}

/// A damaged file is replaced; anything else turns writing off until it may have passed.
void SqliteStore::recover(const Error& error) {
  if (error.code != ErrorCode::storage_corrupt) {
    writing_off_until_ = std::chrono::steady_clock::now() + options_.retry_after;
    options_.report(options_.path + ": writing is off for " + std::to_string(options_.retry_after.count()) +
                    " ms: " + error.context);
    return;
  }
  readers_.close();
  ++generation_;  // a reader that is late with its report means the old file
  writer_.reset();
  const auto aside = set_aside(options_.path);
  options_.report(options_.path + ": is damaged (" + error.context + "); " +
                  (aside ? "set aside as " + *aside : aside.error().context));
  const auto opened = aside ? open_file() : Result<void>(aside.error());
  if (!opened)
    options_.report(options_.path + ": nothing is kept on disk from here on: " + opened.error().context);
  entries_ = 0;
  bytes_ = 0;
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
  return {statistics};
}

}  // namespace roktcached::storage
