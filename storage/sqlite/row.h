#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include "storage/body_account.h"
#include "storage/response_store.h"
#include "storage/sqlite/sqlite_handle.h"

struct ZSTD_DCtx_s;

namespace roktcached::storage {

/// The statements that move responses into and out of the cache file's one table, and the coding of a row.
///
/// Every row carries a checksum over all that would be served from it: SQLite does not notice when a page of
/// the file has been overwritten with another valid page, and a wrong number is worse than none. A soft purge
/// must not have to read the body for a new checksum. So the time of a soft purge stands in a column of its
/// own (0: none), and its value is added to the checksum bit by bit (exclusive or).

/// A hash as the columns key_hash and body_digest hold it.
using HashBytes = std::array<char, 16>;
[[nodiscard]] HashBytes bytes_of(const caching::KeyHash& hash);

/// The longest body that a thread decodes by itself while others wait for it: it takes a microsecond or two.
constexpr std::size_t short_body_max = std::size_t{4} << 10;

/// Writes `response` in place of any earlier row of its key. Where the body is the one stored already, it is
/// not written again.
class RowWriter {
 public:
  [[nodiscard]] static Result<RowWriter> prepare(Connection& connection);
  [[nodiscard]] Result<void> put(Connection& connection, const StoredResponse& response);
  [[nodiscard]] Result<void> erase(const caching::KeyHash& hash);
  [[nodiscard]] Result<void> touch(const caching::KeyHash& hash, WallTime used_at);
  /// Deletes at most `count` rows: those that are past their use, else those used at a time that is still to
  /// come, else the least recently used.
  /// @return how many
  [[nodiscard]] Result<std::int64_t> evict(Connection& connection, WallTime now, std::int64_t count);

 private:
  Statement confirm_;
  Statement replace_;
  Statement erase_;
  Statement touch_;
  Statement expire_;
  Statement evict_future_;
  Statement evict_;
};

/// The restatements that three columns from `column` on hold; null if there was none.
[[nodiscard]] std::shared_ptr<const caching::Restated> restated_at(Statement::Use& use, int column);

struct FoundRow {
  StoredResponsePtr response;
  WallTime last_used_at;
  bool body_left = false;      ///< its body was too large to be read; the response is null
  std::int64_t body_size = 0;  ///< of that body when decoded, in bytes
};

/// Reads rows on a connection of its own.
class RowReader {
 public:
  /// @param bodies  counts what is read; outlives it. Null: nobody does
  [[nodiscard]] static Result<RowReader> prepare(Connection& connection, BodyAccount* bodies = nullptr);
  /// @param body_max  of a row whose body is larger when decoded, the body is not read
  /// @return a null response where there is none; storage_corrupt if the row is not what was written;
  ///         overloaded, see ResponseStore::find
  [[nodiscard]] Result<FoundRow> find(const Key& key,
                                      std::int64_t body_max = std::numeric_limits<std::int64_t>::max());

 private:
  struct DecompressorFreer {
    void operator()(ZSTD_DCtx_s* decompressor) const;
  };

  [[nodiscard]] Result<FoundRow> read(const Key& key, std::int64_t body_max, BodyAccount::Growing room);

  Statement find_;
  /// One for all rows: to make one takes longer than to decompress a report.
  std::unique_ptr<ZSTD_DCtx_s, DecompressorFreer> decompressor_;
  BodyAccount* bodies_ = nullptr;
};

}  // namespace roktcached::storage
