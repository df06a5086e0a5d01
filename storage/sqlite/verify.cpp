#include "storage/sqlite/verify.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <optional>
#include <string_view>

#include "core/caching/key.h"
#include "storage/sqlite/cache_file.h"
#include "storage/sqlite/row.h"
#include "storage/sqlite/sqlite_handle.h"

namespace roktcached::storage {

namespace {

/// Rows are listed in slices: between two of them nothing is held.
constexpr std::int64_t slice_size = 256;
constexpr const char* list_sql = "SELECT id, key, key_hash FROM responses WHERE id > ? ORDER BY id LIMIT ?";
constexpr const char* look_again_sql = "SELECT 1 FROM responses WHERE id = ? AND key = ?";
/// SQLite reports at most this many faults of a file.
constexpr const char* structure_sql = "PRAGMA integrity_check(20)";
/// SQLite is not to refuse the deletion of a row for the file's size.
constexpr std::int64_t any_pages = std::numeric_limits<std::int32_t>::max() - 1;

Error not_usable(std::string context) {
  return {.code = ErrorCode::storage_unavailable, .context = std::move(context)};
}

/// The file's path without symlinks in its folder.
Result<std::string> existing_file(const std::string& path) {
  const auto folder = check_folder_of(path);
  if (!folder) return folder.error();
  const auto missing = not_usable(path + ": there is no such file");
  if (folder->empty()) return missing;
  std::string resolved = (std::filesystem::path(*folder) / std::filesystem::path(path).filename()).string();
  const auto there = check_private_file(resolved);
  if (!there) return there.error();
  if (!*there) return missing;
  return resolved;
}

/// A row as it is listed, before it is read.
struct Listed {
  std::int64_t id = 0;
  std::string key;
  std::string key_hash;
};

/// Makes one pass over the rows of a file.
class RowVerifier {
 public:
  static Result<RowVerifier> prepare(Connection& connection) {
    RowVerifier verifier;
    auto reader = RowReader::prepare(connection);
    if (!reader) return reader.error();
    verifier.reader_.emplace(std::move(*reader));
    for (const auto& [statement, sql] :
         {std::pair(&verifier.list_, list_sql), std::pair(&verifier.look_again_, look_again_sql)}) {
      auto prepared = Statement::prepare(connection, sql);
      if (!prepared) return prepared.error();
      *statement = std::move(*prepared);
    }
    return verifier;
  }

  Result<void> run(Verification& found, std::uint64_t total, const VerifyProgress& progress) {
    std::int64_t last = std::numeric_limits<std::int64_t>::min();
    while (true) {
      const auto slice = list_after(last);
      if (!slice) return slice.error();
      for (const Listed& row : *slice) {
        if (const auto looked = look_at(row, found); !looked) return looked.error();
      }
      if (!progress(found.rows, std::max(total, found.rows)))
        return Error{ErrorCode::client_gone, false, "interrupted"};
      if (slice->empty()) return {};
      last = slice->back().id;
    }
  }

 private:
  Result<std::vector<Listed>> list_after(std::int64_t last) {
    std::vector<Listed> slice;
    Statement::Use use(list_);
    use.integer(last).integer(slice_size);
    const auto listed = use.each_row([&] {
      slice.push_back({use.integer_at(0), std::string(use.text_at(1)), std::string(use.blob_at(2))});
    });
    if (!listed) return listed.error();
    return slice;
  }

  Result<void> look_at(const Listed& row, Verification& found) {
    ++found.rows;
    const auto damaged = [&](std::string what) {
      found.damaged.push_back({row.id, std::move(what)});
      return Result<void>();
    };
    const Key key{std::string_view(row.key)};
    const HashBytes hash = bytes_of(key.hash());
    if (row.key_hash != std::string_view(hash.data(), hash.size()))
      return damaged("row " + std::to_string(row.id) + " is damaged: its key_hash is not that of its key");
    const auto read = reader_->find(key);
    if (!read && read.error().code == ErrorCode::storage_corrupt) return damaged(read.error().context);
    if (!read) return read.error();
    if (read->response) {
      found.bytes += read->response->body->size();
      return {};
    }
    // A daemon may have removed it since it was listed.
    Statement::Use use(look_again_);
    use.integer(row.id).text(row.key);
    const auto there = use.step();
    if (!there) return there.error();
    if (!*there) return {};
    return damaged("the row of key " + caching::to_hex(key.hash()) + " is not found by its key");
  }

  std::optional<RowReader> reader_;
  Statement list_;
  Statement look_again_;
};

/// SQLite's own check, and that the counts which triggers keep are right.
Result<std::vector<std::string>> faults_of_structure(Connection& connection) {
  std::vector<std::string> faults;
  auto statement = Statement::prepare(connection, structure_sql);
  if (!statement) return statement.error();
  {
    Statement::Use use(*statement);
    const auto checked = use.each_row([&] {
      if (use.text_at(0) != "ok") faults.emplace_back(use.text_at(0));
    });
    if (!checked) return checked.error();
  }
  const auto off =
      connection.integer("SELECT (SELECT entries FROM totals) - (SELECT count(*) FROM responses)");
  if (!off) return off.error();
  if (*off != 0) faults.push_back("the table totals counts " + std::to_string(*off) + " entries too many");
  return faults;
}

Result<Verification> verify(const std::string& path, const VerifyProgress& progress) {
  auto connection = open_for_verifying(path);
  if (!connection) return connection.error();
  const auto total = connection->integer("SELECT count(*) FROM responses");
  if (!total) return total.error();
  auto rows = RowVerifier::prepare(*connection);
  if (!rows) return rows.error();
  Verification found;
  if (const auto read = rows->run(found, static_cast<std::uint64_t>(*total), progress); !read)
    return read.error();
  auto faults = faults_of_structure(*connection);
  if (!faults) return faults.error();
  found.structure = std::move(*faults);
  return found;
}

Result<std::uint64_t> remove_rows(Connection& connection, const std::vector<DamagedRow>& rows) {
  auto transaction = Transaction::begin(connection);
  if (!transaction) return transaction.error();
  std::uint64_t removed = 0;
  {
    auto remove = Statement::prepare(connection, "DELETE FROM responses WHERE id = ?");
    if (!remove) return remove.error();
    for (const DamagedRow& row : rows) {
      Statement::Use use(*remove);
      use.integer(row.id);
      if (const auto done = use.step(); !done) return done.error();
      removed += static_cast<std::uint64_t>(sqlite3_changes(connection.get()));
    }
  }
  if (const auto committed = transaction->commit(); !committed) return committed.error();
  return removed;
}

}  // namespace

Result<Verification> verify_cache_file(const std::string& path, const VerifyProgress& progress) {
  const auto file = existing_file(path);
  return file ? verify(*file, progress) : Result<Verification>(file.error());
}

Result<Verification> repair_cache_file(const std::string& path, const VerifyProgress& progress,
                                       const OperatorLog& report) {
  const auto file = existing_file(path);
  if (!file) return file.error();
  const auto lock = FileLock::acquire(*file, report);
  if (!lock) return lock.error();
  auto found = verify(*file, progress);
  if (!found || found->damaged.empty() || !found->structure.empty()) return found;
  const auto prepared = prepare_file(*file, report);
  if (!prepared) return prepared.error();
  auto connection = open_for_writing(*prepared, any_pages);
  if (!connection) return connection.error();
  const auto removed = remove_rows(*connection, found->damaged);
  if (!removed) return removed.error();
  found->removed = *removed;
  return found;
}

}  // namespace roktcached::storage
