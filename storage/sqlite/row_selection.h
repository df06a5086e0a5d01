#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/caching/selection.h"
#include "core/error.h"
#include "storage/entry_summary.h"
#include "storage/response_store.h"
#include "storage/sqlite/sqlite_handle.h"

namespace roktcached::storage {

/// A selection of entries as a condition on the rows of the cache file, for a WHERE. Every text of it is a
/// parameter.
class RowCondition {
 public:
  /// All rows.
  RowCondition() : RowCondition(caching::Everything{}) {}
  explicit RowCondition(caching::Selection selection);

  [[nodiscard]] const std::string& sql() const { return sql_; }
  /// Binds the parameters of sql(), as the next ones. `use` must not outlive this object.
  void bind(Statement::Use& use) const;

 private:
  caching::Selection selection_;
  std::string sql_;
  std::string key_hash_;  // as its column has it
};

/// Names entries of the cache file, see ResponseStore::list; no body is read. Without a selection they come
/// in the order of their last use, for which there is an index, rather than of their fetch.
[[nodiscard]] Result<std::vector<EntrySummary>> list_rows(Connection& connection, const Listing& wanted);

/// The statements of one purge of the cache file's rows. Which rows are selected is read once, through an
/// index; they go in slices, between which rows may be written.
class RowPurge {
 public:
  /// @param connection  outlives this object, which is for one thread
  [[nodiscard]] static Result<RowPurge> prepare(Connection& connection, const caching::Purge& purge,
                                                WallTime now);

  /// The ids of all rows that are selected now.
  [[nodiscard]] Result<std::vector<std::int64_t>> selected();
  /// Deletes a row or makes it stale, if it is selected still.
  /// @return whether it was, and for a soft purge was fresh
  [[nodiscard]] Result<bool> purge(std::int64_t id);
  /// The same for the row of a key, where there is one.
  [[nodiscard]] Result<void> purge(const caching::KeyHash& hash);

 private:
  sqlite3* connection_ = nullptr;
  caching::Purge purge_;
  WallTime now_;
  RowCondition condition_;
  Statement select_;
  Statement find_;
  Statement delete_;
  Statement read_;
  Statement mark_;
};

/// Deletes every row but the notes (caching::is_note), within a transaction of the caller's; some hundred
/// times faster than one by one.
/// @return how many
[[nodiscard]] Result<std::uint64_t> delete_all_rows(Connection& connection);

}  // namespace roktcached::storage
