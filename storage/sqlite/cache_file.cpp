#include "storage/sqlite/cache_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <vector>

namespace roktcached::storage {

namespace {

constexpr std::int64_t application_id = 0x524f4b54;  // "ROKT"
/// In versions up to 4, the same report in two spellings had two keys, and the client's Accept-Language was
/// part of the key. Entries with such keys would never be found again.
constexpr std::int64_t schema_version = 5;
/// How many damaged files are kept for somebody to look at.
constexpr std::size_t set_aside_max = 2;
/// The files that SQLite writes beside the file.
constexpr std::array<const char*, 3> suffixes = {"-wal", "-shm", "-journal"};

constexpr const char* schema = R"(
CREATE TABLE responses (
  id INTEGER PRIMARY KEY,
  key_hash BLOB NOT NULL UNIQUE,
  key TEXT NOT NULL,
  credential TEXT NOT NULL,
  route TEXT NOT NULL,
  path TEXT NOT NULL,
  account_id TEXT NOT NULL,
  campaign_id TEXT NOT NULL,
  date_start TEXT,
  date_end TEXT,
  currency TEXT,
  time_zone TEXT,
  rokt_version TEXT NOT NULL,
  other_parameters TEXT NOT NULL,
  status INTEGER NOT NULL,
  head TEXT NOT NULL,
  entity_tag TEXT NOT NULL,
  validator TEXT NOT NULL,
  range_end_unix_ms INTEGER,
  fetched_at_unix_ms INTEGER NOT NULL,
  fresh_until_unix_ms INTEGER NOT NULL,
  usable_until_unix_ms INTEGER NOT NULL,
  last_used_at_unix_ms INTEGER NOT NULL,
  checksum INTEGER NOT NULL,
  stored_size INTEGER NOT NULL,
  body_size INTEGER NOT NULL,
  body_digest BLOB NOT NULL,
  body_encoding TEXT NOT NULL,
  body BLOB NOT NULL,
  steady_refreshes INTEGER NOT NULL DEFAULT 0,
  stale_since_unix_ms INTEGER NOT NULL DEFAULT 0,
  restatements INTEGER NOT NULL DEFAULT 0,
  restated_at_unix_ms INTEGER,
  restated_fields TEXT
);
CREATE INDEX responses_by_account ON responses (account_id, campaign_id);
CREATE INDEX responses_by_use ON responses (last_used_at_unix_ms);
CREATE INDEX responses_by_end ON responses (usable_until_unix_ms);
CREATE INDEX responses_by_route ON responses (route);
CREATE INDEX responses_by_path ON responses (path);
CREATE INDEX responses_by_restatement ON responses (restated_at_unix_ms) WHERE restated_at_unix_ms IS NOT NULL;
CREATE TABLE credentials (name TEXT PRIMARY KEY, fingerprint TEXT NOT NULL);
CREATE TABLE totals (only INTEGER PRIMARY KEY CHECK (only = 1), entries INTEGER NOT NULL, bytes INTEGER NOT NULL);
INSERT INTO totals VALUES (1, 0, 0);
CREATE TRIGGER responses_added AFTER INSERT ON responses BEGIN
  UPDATE totals SET entries = entries + 1, bytes = bytes + new.stored_size;
END;
CREATE TRIGGER responses_removed AFTER DELETE ON responses BEGIN
  UPDATE totals SET entries = entries - 1, bytes = bytes - old.stored_size;
END;
CREATE TRIGGER responses_resized AFTER UPDATE OF stored_size ON responses WHEN old.stored_size <> new.stored_size BEGIN
  UPDATE totals SET bytes = bytes + new.stored_size - old.stored_size;
END;
)";

Error refused(ErrorCode code, std::string context) {
  return {.code = code, .context = std::move(context)};
}

/// Refuses a database that is not ours to write to, before anything is written.
/// @return the version of its schema; 0 for a new file
Result<std::int64_t> version_of(Connection& connection, const std::string& path) {
  const auto id = connection.integer("PRAGMA application_id");
  if (!id) return id.error();
  const auto version = connection.integer("PRAGMA user_version");
  if (!version) return version.error();
  const auto tables = connection.integer("SELECT count(*) FROM sqlite_schema");
  if (!tables) return tables.error();
  if (*tables > 0 && *id != application_id)
    return refused(
        ErrorCode::storage_unavailable,
        path + ": is a database of another program; accepted: a cache file of roktcached, or a new name");
  if (*version > schema_version)
    return refused(ErrorCode::storage_unavailable,
                   path + ": was written by a newer roktcached (schema " + std::to_string(*version) +
                       ", this one knows " + std::to_string(schema_version) +
                       "); it is left as it is; accepted: that roktcached, or "
                       "another cache.file for this one");
  if (*version > 0 && *version < schema_version) {
    const auto entries = connection.integer("SELECT entries FROM totals");
    return refused(ErrorCode::storage_outdated, "(schema " + std::to_string(*version) + ", this one has " +
                                                    std::to_string(schema_version) +
                                                    "), whose keys are not in use any more; its " +
                                                    std::to_string(entries ? *entries : 0) + " entries");
  }
  return version;
}

/// @param version  0, of a new file, or the present one
Result<void> set_up(Connection& connection, std::int64_t version) {
  if (version == schema_version) return {};
  auto transaction = Transaction::begin(connection);
  if (!transaction) return transaction.error();
  if (const auto made = connection.execute(schema); !made) return made;
  const std::string stamp = "PRAGMA application_id = " + std::to_string(application_id) +
                            "; PRAGMA user_version = " + std::to_string(schema_version);
  if (const auto stamped = connection.execute(stamp.c_str()); !stamped) return stamped;
  return transaction->commit();
}

/// Opens by name what was looked at by descriptor. SQLite tells whether the name still leads to what it has
/// opened, and we whether it leads to what we had looked at: then the two are the same.
Result<Connection> open_file(const CacheFile& file) {
  auto connection = Connection::open(file.path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW);
  if (!connection) return connection.error();
  int moved = 0;
  const int asked = sqlite3_file_control(connection->get(), "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  if (asked != SQLITE_OK || moved != 0 || !leads_to(file.path, file.identity))
    return refused(ErrorCode::storage_unavailable,
                   file.path + ": was exchanged for another file while it was opened");
  return connection;
}

/// @return whether there is a file; refused is one that we could not read and write, too
Result<bool> check_usable_file(const std::string& path) {
  const auto there = check_private_file(path);
  if (!there || !*there) return there;
  if (::faccessat(AT_FDCWD, path.c_str(), R_OK | W_OK, AT_EACCESS) != 0) return file_error(path, errno);
  return true;
}

Result<void> check_names_and_file(const std::string& path) {
  const auto folder = check_folder_of(path);
  if (!folder) return folder.error();
  if (folder->empty()) return {};  // it will be made, and has nothing in it
  const auto name = std::filesystem::path(path).filename();
  const std::string resolved = (std::filesystem::path(*folder) / name).string();
  for (const char* suffix : {".lock", suffixes[0], suffixes[1], suffixes[2]}) {
    if (const auto beside = check_usable_file(resolved + suffix); !beside) return beside.error();
  }
  const auto there = check_usable_file(resolved);
  if (!there) return there.error();
  if (!*there) return {};
  auto connection = Connection::open(resolved, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW);
  const auto version =
      connection ? version_of(*connection, resolved) : Result<std::int64_t>(connection.error());
  // An error of SQLite's own is damage, or of the moment: another process may have the file.
  const bool is_refused =
      !version && version.error().code == ErrorCode::storage_unavailable && !version.error().retryable;
  return is_refused ? Result<void>(version.error()) : Result<void>();
}

std::string time_stamp() {
  std::array<char, 32> text{};
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  return {text.data(), std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &utc)};
}

}  // namespace

Result<FileLock> FileLock::acquire(const std::string& path, const OperatorLog& report) {
  const std::string name = path + ".lock";
  auto file = open_private_file(name, Missing::make, report);
  if (!file) return file.error();
  if (::flock(file->descriptor.get(), LOCK_EX | LOCK_NB) == 0) return FileLock(std::move(*file), name);
  if (errno != EWOULDBLOCK) return file_error(name, errno);
  return refused(ErrorCode::storage_in_use, path + ": is in use by another roktcached");
}

bool FileLock::is_lost() const {
  const LeadsTo now = where_leads(name_, file_.identity);
  return now != LeadsTo::same && now != LeadsTo::unknown;
}

Result<std::string> resolve_path(const std::string& path) {
  const std::filesystem::path given(path);
  const auto folder = private_folder(given.parent_path().string());
  if (!folder) return folder.error();
  const std::string resolved = (std::filesystem::path(*folder) / given.filename()).string();
  if (const auto accepted = check_private_file(resolved); !accepted) return accepted.error();
  return resolved;
}

Result<void> check_cache_file(const std::string& path) {
  const auto checked = check_names_and_file(path);
  // An error that may pass does not keep the daemon from starting.
  return !checked && checked.error().retryable ? Result<void>() : checked;
}

Result<CacheFile> prepare_file(const std::string& path, const OperatorLog& report) {
  const auto file = open_private_file(path, Missing::make, report);
  if (!file) return file.error();
  // A log that another user had put there would be taken for the file's own last pages.
  for (const char* suffix : suffixes) {
    const auto there = check_private_file(path + suffix);
    if (!there) return there.error();
    if (!*there) continue;
    const auto beside = open_private_file(path + suffix, Missing::refuse, report);
    if (!beside) return beside.error();
  }
  return CacheFile{path, file->identity};
}

Result<Connection> open_for_writing(const CacheFile& file, std::int64_t pages_max) {
  auto connection = open_file(file);
  if (!connection) return connection.error();
  const auto version = version_of(*connection, file.path);
  if (!version) return version.error();
  const std::string limit = "PRAGMA max_page_count = " + std::to_string(pages_max);
  for (const char* pragma :
       {"PRAGMA auto_vacuum = INCREMENTAL", "PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL",
        "PRAGMA journal_size_limit = 4194304",
        "PRAGMA secure_delete = OFF",  // a deleted body would be written to the log as zeros
        limit.c_str()}) {
    if (const auto done = connection->execute(pragma); !done) return done.error();
  }
  if (const auto ready = set_up(*connection, *version); !ready) return ready.error();
  return connection;
}

Result<bool> is_of_this_version(Connection& connection) {
  const auto id = connection.integer("PRAGMA application_id");
  if (!id) return id.error();
  const auto version = connection.integer("PRAGMA user_version");
  if (!version) return version.error();
  return *id == application_id && *version == schema_version;
}

Result<Connection> open_for_reading(const CacheFile& file, std::uint64_t pages_bytes) {
  auto connection = open_file(file);  // for writing, too: WAL's shared memory must be writable
  if (!connection) return connection.error();
  const std::string room = "PRAGMA cache_size = -" + std::to_string(pages_bytes / 1024);
  for (const char* pragma : {"PRAGMA query_only = ON", room.c_str()}) {
    if (const auto done = connection->execute(pragma); !done) return done.error();
  }
  return connection;
}

Result<Connection> open_for_verifying(const std::string& path) {
  // For writing, as open_for_reading: who only reads leaves the log's empty files behind.
  auto connection = Connection::open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW);
  if (!connection) return connection.error();
  if (const auto done = connection->execute("PRAGMA query_only = ON"); !done) return done.error();
  const auto version = version_of(*connection, path);
  if (!version) return version.error();
  if (*version == 0)
    return refused(ErrorCode::storage_unavailable,
                   path + ": is a database without tables; accepted: a cache file of roktcached");
  return connection;
}

Result<std::string> set_aside(const std::string& path) {
  std::string target = path + ".corrupt-" + time_stamp();
  for (int i = 2; ::access(target.c_str(), F_OK) == 0; ++i)
    target = path + ".corrupt-" + time_stamp() + "-" + std::to_string(i);
  if (::rename(path.c_str(), target.c_str()) != 0) return file_error(path, errno);
  for (const char* suffix : suffixes) {
    if (::rename((path + suffix).c_str(), (target + suffix).c_str()) != 0 && errno != ENOENT)
      return file_error(path + suffix, errno);
  }
  if (const auto kept = keep_set_aside(path, set_aside_max); !kept) return kept.error();
  return target;
}

Result<void> keep_set_aside(const std::string& path, std::size_t count) {
  namespace fs = std::filesystem;
  const std::string prefix = fs::path(path).filename().string() + ".corrupt-";
  std::vector<std::string> aside;  // the databases, without what belongs to them
  std::error_code error;
  for (fs::directory_iterator entry(fs::path(path).parent_path(), error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const bool beside =
        std::ranges::any_of(suffixes, [&](const char* suffix) { return name.ends_with(suffix); });
    if (name.starts_with(prefix) && !beside) aside.push_back(entry->path().string());
  }
  if (error) return file_error(path, error.value());
  std::ranges::sort(aside);  // the time is in the name
  for (std::size_t i = 0; i + count < aside.size(); ++i) {
    if (const auto deleted = discard(aside[i]); !deleted) return deleted;
  }
  return {};
}

Result<void> discard(const std::string& path) {
  // The file goes last: without its log it is an older, sound one, but a log must never meet a new file.
  for (const char* suffix : {suffixes[0], suffixes[1], suffixes[2], ""}) {
    const std::string name = path + suffix;
    if (::unlink(name.c_str()) != 0 && errno != ENOENT) return file_error(name, errno);
  }
  return {};
}

}  // namespace roktcached::storage
