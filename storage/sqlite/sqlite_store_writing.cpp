/// The work of a SqliteStore's writer thread: batches, purges, and the bounds of the file and of its log.
#include <algorithm>
#include <array>
#include <thread>

#include "storage/sqlite/row_selection.h"
#include "storage/sqlite/sqlite_store.h"

namespace roktcached::storage {

namespace {

constexpr std::size_t batch_entries = 512;
constexpr std::uint64_t batch_bytes = std::uint64_t{4} << 20;
constexpr std::int64_t rows_evicted_at_once = 256;
constexpr std::ptrdiff_t rows_purged_at_once = 1024;
/// Cuts so many free pages off the file's end.
constexpr const char* shorten_a_little = "PRAGMA incremental_vacuum(1024)";
/// Between the attempts at a batch or a purge that fails.
constexpr std::array write_pauses = {std::chrono::milliseconds(20), std::chrono::milliseconds(100),
                                     std::chrono::milliseconds(400)};
/// After so many failures in a row of writes made one by one, the reason is not in the rows.
constexpr int failures_max = 3;

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

/// Whether the same may succeed a moment later: not a full disk, a lock that has been waited for, or damage.
bool may_pass(const Result<void>& result) {
  return !result && result.error().code == ErrorCode::storage_unavailable;
}

}  // namespace

/// The root of the writer's thread. An exception, for want of memory above all, costs the batch or the purge
/// that it hit, and nothing else.
void SqliteStore::write_loop() {
  constexpr std::chrono::milliseconds pause{10};  // memory comes back when others have let go of it
  for (bool more = true; more;) {
    try {
      more = write_next();
    } catch (const std::exception&) {
      count_error();
      std::this_thread::sleep_for(pause);
    }
  }
}

/// @return false once the queue is closed and all of it is written
bool SqliteStore::write_next() {
  constexpr std::chrono::milliseconds soon{250};
  look_after();
  const auto patience = troubles_.any() ? std::min(soon, options_.look_every) : options_.look_every;
  std::vector<Write> batch = queue_.take(batch_entries, batch_bytes, options_.linger, patience);
  if (!batch.empty()) {
    write(batch);
    queue_.done();
    return true;
  }
  auto order = queue_.take_purge();
  if (!order) return !queue_.is_finished();
  Result<std::uint64_t> purged = std::uint64_t{0};
  try {
    purged = purge_rows(*order);
  } catch (const std::exception&) {
    count_error();
    // Short enough to take no memory: the caller that waits for the purge must get an answer.
    purged = Error{ErrorCode::storage_unavailable, true, "out of memory"};
  }
  order->result.set_value(std::move(purged));
  return true;
}

void SqliteStore::write(std::vector<Write>& batch) {
  std::size_t dropped = batch.size();
  try {
    dropped = write_and_count(batch);
  } catch (const std::exception&) {
    count_error();
  }
  dropped_.fetch_add(dropped, std::memory_order_relaxed);
}

/// @return how many of them are given up
std::size_t SqliteStore::write_and_count(std::vector<Write>& batch) {
  const bool off = std::chrono::steady_clock::now() < writing_off_until_;
  if (!writer_ || off || !log_has_room(log_pages_max)) return batch.size();
  const bool amiss = troubles_.has(Troubles::Kind::writing);
  writer_->connection.wait_for_locks(!amiss);
  auto written = write_whole(batch);
  for (const auto pause : write_pauses) {
    if (!may_pass(written) || amiss || !writer_) break;
    count_error();
    std::this_thread::sleep_for(pause);
    written = write_whole(batch);
  }
  std::size_t dropped = written ? 0 : batch.size();
  if (may_pass(written) && !amiss && writer_) dropped = write_one_by_one(batch);
  if (writer_) read_totals();
  if (dropped < batch.size()) {
    if (amiss) troubles_.end(Troubles::Kind::writing, "is written again");
    return dropped;
  }
  count_error();
  if (!writer_) return dropped;
  std::string why = "cannot be written: ";
  if (written.error().code == ErrorCode::storage_full) {
    writing_off_until_ = std::chrono::steady_clock::now() + options_.retry_after;
    why = "writing is off for " + std::to_string(options_.retry_after.count()) + " ms: ";
  }
  troubles_.begin(Troubles::Kind::writing, why + written.error().context);
  return dropped;
}

/// The batch, and room for it, into whatever file is the right one.
Result<void> SqliteStore::write_whole(std::vector<Write>& batch) {
  auto written = unless_damaged([&] { return write_batch(batch); });
  if (!written && written.error().code == ErrorCode::storage_corrupt && writer_) written = write_batch(batch);
  if (!written && written.error().code == ErrorCode::storage_full && writer_ &&
      keep_within_bounds(pages_for(batch)))
    written = write_batch(batch);
  if (!written) return written;
  if (const auto kept = unless_damaged([&] { return keep_within_bounds(0); }); !kept) {
    count_error();
    troubles_.mention(Troubles::Kind::writing, "cannot be kept within its bounds: " + kept.error().context);
  }
  return {};
}

/// Writes the batch row by row: one row at a place where the disk fails must not cost all others.
/// @return how many are given up
std::size_t SqliteStore::write_one_by_one(std::vector<Write>& batch) {
  std::size_t dropped = 0;
  int failures = 0;
  for (const Write& write : batch) {
    std::vector<Write> one = {write};
    const bool written = failures < failures_max && writer_ && write_batch(one);
    failures = written ? 0 : failures + 1;
    if (!written) ++dropped;
  }
  return dropped;
}

Result<void> SqliteStore::write_batch(std::vector<Write>& batch) {
  if (const auto examined = examine(batch); !examined) return examined;
  auto transaction = Transaction::begin(writer_->connection);
  if (!transaction) return transaction.error();
  for (const Write& write : batch) {
    auto written = write.suspect ? writer_->rows.erase(write.key.hash()) : Result<void>();
    if (written && write.response) written = writer_->rows.put(writer_->connection, *write.response);
    if (written && write.touched_at) written = writer_->rows.touch(write.key.hash(), *write.touched_at);
    if (!written) return written;
  }
  return commit(*transaction);
}

/// Reads the rows that a reader has found damaged, and for which nothing is to be written, with a connection
/// of their own: what has gone wrong in a reader's memory, or was an error of the disk, is no reason to
/// delete one.
/// @return storage_corrupt if it is the file that is damaged
Result<void> SqliteStore::examine(std::vector<Write>& batch) {
  const auto to_examine = [](const Write& write) { return write.suspect && !write.response; };
  if (std::ranges::none_of(batch, to_examine)) return {};
  auto connection = open_for_reading(*file_, 0);
  if (!connection) return connection.error();
  auto rows = RowReader::prepare(*connection, options_.bodies);
  if (!rows) return rows.error();
  bool sound = false;
  for (Write& write : batch) {
    if (!to_examine(write)) continue;
    const auto found = rows->find(write.key);
    const bool damaged = !found && found.error().code == ErrorCode::storage_corrupt;
    if (damaged && !found.error().retryable) return found.error();
    write.suspect = damaged;
    if (damaged) {
      troubles_.mention(Troubles::Kind::reading, found.error().context + "; it is deleted");
    } else if (found) {
      sound = true;
    }
  }
  // Then it is the readers' memory that is not what the file has.
  if (sound) static_cast<void>(readers_.open(*file_));
  return {};
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
  if (writer_->checkpoint.is_due()) move_log_into_file();
}

void SqliteStore::move_log_into_file() {
  readers_.move_on();
  readers_.wait_for_finds();
  const auto made = writer_->checkpoint.make();
  readers_.move_on();
  if (made) return troubles_.end(Troubles::Kind::checkpoint, "takes its log again");
  count_error();
  troubles_.begin(Troubles::Kind::checkpoint, made.error().context);
}

/// Whether something may be written that adds to the log. Where its pages have reached a bound, it is
/// emptied; that another program reads from it keeps it as it is.
bool SqliteStore::log_has_room(int pages_max) {
  if (writer_->checkpoint.pages() >= pages_max) {
    readers_.move_on();
    readers_.wait_for_finds();
    const auto emptied = writer_->checkpoint.empty_log();
    readers_.move_on();
    if (!emptied) {
      count_error();
      troubles_.begin(Troubles::Kind::checkpoint, emptied.error().context);
    }
    if (!emptied || !*emptied) {
      troubles_.begin(Troubles::Kind::log,
                      "cannot be written: its log has reached its bound, and cannot be emptied" +
                          std::string(emptied ? " while another program reads it" : ""));
      return false;
    }
  }
  if (writer_->checkpoint.pages() < log_pages_max) troubles_.end(Troubles::Kind::log, "is written again");
  return true;
}

/// Either all of it, or an error. A file that is found damaged is set aside with all that was to be purged.
Result<std::uint64_t> SqliteStore::purge_rows(const QueuedPurge& order) {
  look_at_names();  // a success speaks of the file that has the name
  if (!writer_)
    return Error{ErrorCode::storage_unavailable, true, options_.path + ": " + troubles_.gravest()};
  std::uint64_t purged = order.met.size();
  writer_->connection.wait_for_locks(true);
  const auto purge = [&] { return purge_slices(order, purged); };
  auto done = unless_damaged(purge);
  for (const auto pause : write_pauses) {
    if (!may_pass(done) || !writer_) break;
    count_error();
    std::this_thread::sleep_for(pause);
    done = unless_damaged(purge);
  }
  if (writer_) read_totals();
  if (!done && done.error().code != ErrorCode::storage_corrupt) {
    count_error();
    return done.error();
  }
  // It is not known what is in a damaged file that was set aside, so a hard purge removes it.
  if (order.purge.kind == caching::PurgeKind::hard) {
    if (const auto removed = keep_set_aside(options_.path, 0); !removed) return removed.error();
  }
  return purged;
}

/// Slice by slice: what the purge met in the queue, and then the rest, between whose slices the queue
/// is written: a purge of a million rows must not make it overflow.
/// @param purged  gets the rows that are purged added
Result<void> SqliteStore::purge_slices(const QueuedPurge& order, std::uint64_t& purged) {
  const Error no_room{ErrorCode::storage_locked, true,
                      "another program reads the cache file, and its log has reached its bound"};
  if (!log_has_room(2 * log_pages_max)) return no_room;
  const std::uint64_t opening = openings_;
  auto rows = RowPurge::prepare(writer_->connection, order.purge, order.now);
  if (!rows) return rows.error();
  for (std::size_t next = 0; next < order.met.size();) {
    if (next > 0 && !log_has_room(2 * log_pages_max)) return no_room;
    auto transaction = Transaction::begin(writer_->connection);
    if (!transaction) return transaction.error();
    const std::size_t end = std::min(order.met.size(), next + static_cast<std::size_t>(rows_purged_at_once));
    for (; next < end; ++next) {
      if (const auto done = rows->purge(order.met[next]); !done) return done.error();
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
    purged += *deleted;
    return {};
  }
  const auto selected = rows->selected();
  if (!selected) return selected.error();
  for (auto id = selected->begin(); id != selected->end();) {
    const auto end = id + std::min<std::ptrdiff_t>(rows_purged_at_once, selected->end() - id);
    if (!log_has_room(2 * log_pages_max)) return no_room;
    std::uint64_t in_slice = 0;
    auto transaction = Transaction::begin(writer_->connection);
    if (!transaction) return transaction.error();
    for (; id != end; ++id) {
      const auto done = rows->purge(*id);
      if (!done) return done.error();
      if (*done) ++in_slice;
    }
    if (const auto committed = commit(*transaction); !committed) return committed.error();
    purged += in_slice;
    std::vector<Write> batch = queue_.take_waiting(batch_entries, batch_bytes);
    if (batch.empty()) continue;
    write(batch);
    queue_.done();
    if (openings_ == opening) continue;
    return Error{ErrorCode::storage_unavailable, true, "the cache file was opened anew during the purge"};
  }
  return {};
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
    while (*used > target && log_has_room(log_pages_max)) {
      const auto evicted = evict(*used, target);
      if (!evicted) return evicted.error();
      if (*evicted == 0) break;
      used = pages_in_use();
      if (!used) return used.error();
    }
  }
  return shorten_file();
}

/// In steps, between which the log is moved into the file: all at once would all be in the log.
Result<void> SqliteStore::shorten_file() {
  auto pages = writer_->connection.integer("PRAGMA page_count");
  while (pages && *pages > pages_max_ && log_has_room(log_pages_max)) {
    const auto shortened = writer_->connection.execute(shorten_a_little);
    after_commit();  // it commits by itself
    if (!shortened) return shortened;
    const std::int64_t before = *pages;
    pages = writer_->connection.integer("PRAGMA page_count");
    if (pages && *pages == before) break;
  }
  return pages ? Result<void>() : Result<void>(pages.error());
}

/// Makes one step from `used` pages towards `target`. It evicts as many rows as that would take if all had
/// the same size, within limits.
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
  const auto entries = writer_->connection.integer("SELECT entries FROM totals");
  const auto bytes = writer_->connection.integer("SELECT bytes FROM totals");
  if (entries) entries_ = static_cast<std::uint64_t>(std::max<std::int64_t>(*entries, 0));
  if (bytes) bytes_ = static_cast<std::uint64_t>(std::max<std::int64_t>(*bytes, 0));
  if (const auto used = pages_in_use()) crowded_ = *used > pages_max_ / 2;
}

}  // namespace roktcached::storage
