/// How a SqliteStore opens its file, notices that something is amiss with it, and comes back. All on the
/// writer thread.
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "storage/sqlite/sqlite_store.h"

namespace roktcached::storage {

namespace {

constexpr std::chrono::milliseconds longest_pause{4'000};
constexpr std::chrono::milliseconds look_when_amiss{250};

}  // namespace

void SqliteStore::Backoff::failed() {
  next_ = std::chrono::steady_clock::now() + pause_;
  pause_ = std::min(2 * pause_, longest_pause);
}

/// A file of an earlier version is deleted, and one that is damaged set aside.
Result<void> SqliteStore::open_or_begin_anew() {
  auto opened = open_file();
  if (!opened && opened.error().code == ErrorCode::storage_outdated) {
    if (const auto discarded = discard(options_.path); !discarded) return discarded.error();
    options_.report(options_.path + ": is of an earlier version " + opened.error().context +
                    " are deleted, and will be fetched again when asked for");
    opened = open_file();
  }
  if (!opened && opened.error().code == ErrorCode::storage_corrupt) opened = open_file();
  if (!opened && opened.error().code == ErrorCode::storage_corrupt) {
    const auto aside = set_aside(options_.path);
    if (!aside) return aside.error();
    options_.report(options_.path + ": is damaged (" + opened.error().context + "); set aside as " + *aside);
    opened = open_file();
  }
  return opened;
}

Result<void> SqliteStore::open_file() {
  const auto path = resolve_path(options_.path);
  if (!path) return path.error();
  if (*path != options_.path)
    return Error{ErrorCode::storage_unavailable, false,
                 options_.path + ": its folder leads to " + *path + " now"};
  if (!lock_ || lock_->is_lost()) {
    auto lock = FileLock::acquire(options_.path, options_.report);
    if (!lock) return lock.error();
    lock_ = std::move(*lock);
  }
  if (watch_) {
    if (const auto removed = watch_->has_moved() ? watch_->remove_beside() : Result<void>(); !removed)
      return removed.error();
  }
  const auto file = prepare_file(options_.path, options_.report);
  if (!file) return file.error();
  if (const auto opened = open_connections(*file); !opened) return opened;
  file_ = *file;
  watch_.emplace(*file);
  return {};
}

/// Safe also while readers of the same file are lent, which prepare_file is not.
Result<void> SqliteStore::open_connections(const CacheFile& file) {
  auto connection = open_for_writing(file, pages_max_);
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
  if (const auto reading = readers_.open(file); !reading) return reading.error();
  writer_ = std::make_unique<Writer>(std::move(*connection), std::move(*rows));
  ++openings_;
  read_failures_ = 0;
  return {};
}

void SqliteStore::close_file() {
  read_failures_ = std::numeric_limits<unsigned>::max() / 2;
  readers_.close();
  writer_.reset();
  ++openings_;
  entries_ = 0;
  bytes_ = 0;
}

/// Does `work` on the file. Where SQLite finds it damaged, once more on connections that share no memory with
/// those that found it so; if these do, too, the file is replaced.
/// @return what `work` does; storage_corrupt: the file was set aside, and another one begun if that could be
Result<void> SqliteStore::unless_damaged(const std::function<Result<void>()>& work) {
  auto done = work();
  if (done || done.error().code != ErrorCode::storage_corrupt) return done;
  count_error();
  close_file();
  if (const auto opened = open_connections(*file_); !opened) {
    if (opened.error().code == ErrorCode::storage_corrupt) return replace_damaged(opened.error());
    stay_without_file(opened.error());
    return opened;
  }
  watch_.emplace(*file_);  // SQLite has deleted its files beside it, and made others
  done = work();
  if (!done && done.error().code == ErrorCode::storage_corrupt) return replace_damaged(done.error());
  read_totals();
  return done;
}

/// @return `error`, or why the file could not be set aside
Error SqliteStore::replace_damaged(const Error& error) {
  close_file();
  const auto aside = set_aside(options_.path);
  options_.report(options_.path + ": is damaged (" + error.context + "); " +
                  (aside ? "set aside as " + *aside : aside.error().context));
  const auto opened = aside ? open_file() : Result<void>(aside.error());
  if (!opened) stay_without_file(opened.error());
  return aside ? error : aside.error();
}

void SqliteStore::stay_without_file(const Error& why) {
  close_file();
  away_.failed();
  troubles_.begin(Troubles::Kind::file, "nothing is kept on disk for now: " + why.context);
}

void SqliteStore::bring_back() {
  ::rmdir(options_.path.c_str());  // an empty directory in its place holds nothing; all else stays
  if (const auto opened = open_or_begin_anew(); !opened) return stay_without_file(opened.error());
  away_.reset();
  read_totals();
  troubles_.end(Troubles::Kind::file, "is in use again");
}

/// Once in a while, whether there is something to write or not.
void SqliteStore::look_after() {
  const auto now = std::chrono::steady_clock::now();
  if (now < look_at_) return;
  look_at_ = now + (troubles_.any() ? std::min(look_when_amiss, options_.look_every) : options_.look_every);
  look_at_names();
  if (!writer_ && away_.is_due()) bring_back();
  if (!writer_) return;
  try_to_read();
  try_to_write();
  if (troubles_.has(Troubles::Kind::checkpoint)) move_log_into_file();
  if (troubles_.has(Troubles::Kind::log)) static_cast<void>(log_has_room(log_pages_max));
}

/// Looks for files that somebody has deleted, replaced, or made a directory. SQLite would go on reading and
/// writing a file that no name leads to, and the lock would keep out nobody.
void SqliteStore::look_at_names() {
  if (!writer_) return;
  if (lock_->is_lost()) {
    auto lock = FileLock::acquire(options_.path, options_.report);
    if (!lock && lock.error().code == ErrorCode::storage_in_use) return stay_without_file(lock.error());
    if (lock) {
      lock_ = std::move(*lock);
      options_.report(options_.path + ".lock: was deleted or replaced, and is locked again");
    }
  }
  const std::string what = watch_->look();
  if (what.empty()) return;
  const bool moved = watch_->has_moved();
  // The log may have no name any more, so its content must reach the file while it is open.
  if (!moved) move_log_into_file();
  close_file();
  away_.reset();
  bring_back();
  options_.report(what + (moved ? "; the cache file is begun anew" : "; the cache file was opened again"));
}

/// Whether what could not be read can be again, on connections opened anew.
void SqliteStore::try_to_read() {
  if (!reading_is_off()) {
    unreadable_.reset();
    return troubles_.end(Troubles::Kind::reading, "is read again");
  }
  if (!unreadable_.is_due()) return;
  const bool read = readers_.open(*file_) && readers_.find(Key("nobody's"));
  if (!read) return unreadable_.failed();
  read_failures_ = 0;
  unreadable_.reset();
  troubles_.end(Troubles::Kind::reading, "is read again");
}

/// Whether what could not be written can be again. Where the disk fails, on connections opened anew from then
/// on: the old ones may be of a device that is gone.
void SqliteStore::try_to_write() {
  const bool due = std::chrono::steady_clock::now() >= writing_off_until_ && unwritable_.is_due();
  if (!troubles_.has(Troubles::Kind::writing) || !due) return;
  writer_->connection.wait_for_locks(false);
  const auto written = write_nothing();
  writer_->connection.wait_for_locks(true);
  if (written) {
    unwritable_.reset();
    return troubles_.end(Troubles::Kind::writing, "is written again");
  }
  unwritable_.failed();
  if (written.error().code == ErrorCode::storage_unavailable) static_cast<void>(open_connections(*file_));
}

/// The row of totals, left as it is; by two changes, since SQLite does not write one that changes nothing.
Result<void> SqliteStore::write_nothing() {
  auto transaction = Transaction::begin(writer_->connection);
  if (!transaction) return transaction.error();
  const auto written = writer_->connection.execute(
      "UPDATE totals SET entries = entries + 1; UPDATE totals SET entries = entries - 1");
  return written ? commit(*transaction) : written;
}

}  // namespace roktcached::storage
