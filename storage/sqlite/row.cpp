#include "storage/sqlite/row.h"

#include <xxhash.h>
#include <zstd.h>

#include <array>
#include <memory>
#include <new>

#include "core/caching/decision.h"
#include "core/caching/selection.h"
#include "storage/sqlite/row_checksum.h"

namespace roktcached::storage {

namespace {

constexpr int compression_level = 3;
/// The level for short bodies. With it they take a quarter of the time to decompress, which is longer than to
/// read them from the kernel's memory. The file gets a tenth larger, since most of such a row is other
/// columns and indexes.
constexpr int short_compression_level = -1;
constexpr std::size_t worth_compressing = 128;
constexpr std::int64_t decoded_max = std::int64_t{1} << 30;
/// Room is taken for a longer body before it is read. Shorter ones are read first, and counted then.
constexpr std::int64_t body_without_asking = std::int64_t{64} << 10;

HashBytes bytes_of_halves(std::uint64_t high, std::uint64_t low) {
  HashBytes bytes;
  char* byte = bytes.data();
  for (const std::uint64_t half : {high, low}) {
    for (int shift = 56; shift >= 0; shift -= 8) *byte++ = static_cast<char>((half >> shift) & 0xff);
  }
  return bytes;
}

std::string_view view_of(const HashBytes& bytes) {
  return {bytes.data(), bytes.size()};
}

HashBytes digest_of(std::string_view body) {
  const XXH128_hash_t hash = XXH3_128bits(body.data(), body.size());
  return bytes_of_halves(hash.high64, hash.low64);
}

struct EncodedBody {
  std::unique_ptr<char[]> compressed;  // null if the body is stored as it is
  std::string_view bytes;
  std::string_view encoding;
};

EncodedBody encode(std::string_view body) {
  EncodedBody encoded{{}, body, "identity"};
  if (body.size() < worth_compressing) return encoded;
  const std::size_t bound = ZSTD_compressBound(body.size());
  auto compressed = std::make_unique_for_overwrite<char[]>(bound);  // what is not written takes no memory
  const int level = body.size() <= short_body_max ? short_compression_level : compression_level;
  const std::size_t size = ZSTD_compress(compressed.get(), bound, body.data(), body.size(), level);
  if (ZSTD_isError(size) || size >= body.size()) return encoded;
  encoded.compressed = std::move(compressed);
  encoded.bytes = {encoded.compressed.get(), size};
  encoded.encoding = "zstd";
  return encoded;
}

Error corrupt(const Key& key, std::string_view what) {
  return {.code = ErrorCode::storage_corrupt,
          .retryable = true,
          .context = "the row of key " + caching::to_hex(key.hash()) + " is damaged: " + std::string(what)};
}

Result<caching::BodyPtr> decode(ZSTD_DCtx* decompressor, const Key& key, std::string_view bytes,
                                std::string_view encoding, std::int64_t size, BodyAccount::Growing& room) {
  if (encoding == "identity") return room.keep(std::string(bytes));
  if (encoding != "zstd" || size < 0 || size > decoded_max) return corrupt(key, "body_encoding or body_size");
  if (ZSTD_getFrameContentSize(bytes.data(), bytes.size()) != static_cast<unsigned long long>(size))
    return corrupt(key, "body_size");
  std::string body(static_cast<std::size_t>(size), '\0');
  const std::size_t written =
      ZSTD_decompressDCtx(decompressor, body.data(), body.size(), bytes.data(), bytes.size());
  if (ZSTD_isError(written) || written != body.size()) return corrupt(key, "the body does not decompress");
  return room.keep(std::move(body));
}

std::int64_t stored_size(const StoredResponse& response, std::string_view encoded_body) {
  return static_cast<std::int64_t>(response.key.text().size() + response.head.size() + encoded_body.size());
}

/// The columns that a confirmed body leaves to be written, bound in the order of both statements.
void bind_times(Statement::Use& use, const StoredResponse& response) {
  const caching::Restated* const restated = response.restated.get();
  const auto times = restated == nullptr ? std::int64_t{0} : static_cast<std::int64_t>(restated->times);
  use.integer(response.status)
      .text(response.head)
      .text(response.entity_tag)
      .text(response.validator)
      .optional_integer(response.range_end ? std::optional<std::int64_t>(unix_ms(*response.range_end))
                                           : std::nullopt)
      .integer(unix_ms(response.fetched_at))
      .integer(unix_ms(response.fresh_until))
      .integer(unix_ms(response.usable_until))
      .integer(unix_ms(response.fetched_at))
      .integer(response.steady_refreshes)
      .integer(times);
  if (restated == nullptr) {
    use.null().null();
  } else {
    use.integer(unix_ms(restated->at)).text(restated->moved);
  }
  use.integer(checksum_of(response));
}

Result<void> finish(Statement::Use& use) {
  const auto stepped = use.step();
  return stepped ? Result<void>() : Result<void>(stepped.error());
}

constexpr const char* confirm_sql = R"(
UPDATE responses SET status = ?, head = ?, entity_tag = ?, validator = ?, range_end_unix_ms = ?, fetched_at_unix_ms = ?,
  fresh_until_unix_ms = ?, usable_until_unix_ms = ?, last_used_at_unix_ms = ?, steady_refreshes = ?,
  restatements = ?, restated_at_unix_ms = ?, restated_fields = ?, checksum = ?, stale_since_unix_ms = 0, route = ?, account_id = ?, campaign_id = ?, stored_size = ? + length(body)
WHERE key_hash = ? AND key = ? AND body_digest = ? AND body_size = ?)";

constexpr const char* replace_sql = R"(
INSERT INTO responses (status, head, entity_tag, validator, range_end_unix_ms, fetched_at_unix_ms, fresh_until_unix_ms,
  usable_until_unix_ms, last_used_at_unix_ms, steady_refreshes, restatements, restated_at_unix_ms, restated_fields, checksum, key_hash, key, body_digest, body_size, body, body_encoding,
  stored_size, credential, route, path, account_id, campaign_id, date_start, date_end, currency, time_zone, rokt_version,
  other_parameters)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key_hash) DO UPDATE SET status = excluded.status, head = excluded.head, entity_tag = excluded.entity_tag,
  validator = excluded.validator, range_end_unix_ms = excluded.range_end_unix_ms,
  fetched_at_unix_ms = excluded.fetched_at_unix_ms, fresh_until_unix_ms = excluded.fresh_until_unix_ms,
  usable_until_unix_ms = excluded.usable_until_unix_ms, last_used_at_unix_ms = excluded.last_used_at_unix_ms,
  stale_since_unix_ms = 0, steady_refreshes = excluded.steady_refreshes, restatements = excluded.restatements,
  restated_at_unix_ms = excluded.restated_at_unix_ms, restated_fields = excluded.restated_fields,
  checksum = excluded.checksum, key = excluded.key, body_digest = excluded.body_digest, body_size = excluded.body_size,
  body = excluded.body, body_encoding = excluded.body_encoding, stored_size = excluded.stored_size,
  credential = excluded.credential, route = excluded.route, path = excluded.path, account_id = excluded.account_id,
  campaign_id = excluded.campaign_id, date_start = excluded.date_start, date_end = excluded.date_end,
  currency = excluded.currency, time_zone = excluded.time_zone, rokt_version = excluded.rokt_version,
  other_parameters = excluded.other_parameters)";

/// A column behind the body costs the way through all of the body, so these are read together with it.
constexpr const char* find_sql = R"(
SELECT route, account_id, campaign_id, status, head, CASE WHEN body_size <= ?1 THEN body END, body_encoding, body_size, entity_tag, validator,
  range_end_unix_ms, fetched_at_unix_ms, fresh_until_unix_ms, usable_until_unix_ms, last_used_at_unix_ms, checksum,
  CASE WHEN body_size <= ?1 THEN steady_refreshes END, CASE WHEN body_size <= ?1 THEN stale_since_unix_ms END,
  CASE WHEN body_size <= ?1 THEN restatements END, CASE WHEN body_size <= ?1 THEN restated_at_unix_ms END,
  CASE WHEN body_size <= ?1 THEN restated_fields END
FROM responses WHERE key_hash = ?2 AND key = ?3)";

constexpr const char* expire_sql =
    "DELETE FROM responses WHERE id IN (SELECT id FROM responses WHERE usable_until_unix_ms <= ? ORDER BY "
    "usable_until_unix_ms LIMIT ?)";
/// Notes stay in these two, see caching::is_note.
///
/// What was used last at a time that is still to come: the clock was set back since. Nobody takes it for
/// fresh, and by the time of its use it would be the last to go.
constexpr const char* evict_future_sql =
    "DELETE FROM responses WHERE id IN (SELECT id FROM responses WHERE last_used_at_unix_ms > ? AND "
    "substr(path, 1, 1) <> '~' ORDER BY last_used_at_unix_ms DESC LIMIT ?)";
constexpr const char* evict_sql =
    "DELETE FROM responses WHERE id IN (SELECT id FROM responses WHERE substr(path, 1, 1) <> '~' ORDER BY "
    "last_used_at_unix_ms LIMIT ?)";

}  // namespace

HashBytes bytes_of(const caching::KeyHash& hash) {
  return bytes_of_halves(hash.high, hash.low);
}

Result<RowWriter> RowWriter::prepare(Connection& connection) {
  RowWriter writer;
  const std::array<std::pair<Statement*, const char*>, 7> statements = {
      {{&writer.confirm_, confirm_sql},
       {&writer.replace_, replace_sql},
       {&writer.erase_, "DELETE FROM responses WHERE key_hash = ?"},
       {&writer.touch_, "UPDATE responses SET last_used_at_unix_ms = ? WHERE key_hash = ?"},
       {&writer.expire_, expire_sql},
       {&writer.evict_future_, evict_future_sql},
       {&writer.evict_, evict_sql}}};
  for (const auto& [statement, sql] : statements) {
    auto prepared = Statement::prepare(connection, sql);
    if (!prepared) return prepared.error();
    *statement = std::move(*prepared);
  }
  return writer;
}

Result<void> RowWriter::put(Connection& connection, const StoredResponse& response) {
  const HashBytes hash = bytes_of(response.key.hash());
  const HashBytes digest = digest_of(*response.body);
  const auto body_size = static_cast<std::int64_t>(response.body->size());
  {
    Statement::Use use(confirm_);
    bind_times(use, response);
    use.text(response.route)
        .text(response.account_id)
        .text(response.campaign_id)
        .integer(stored_size(response, {}));
    use.blob(view_of(hash)).text(response.key.text()).blob(view_of(digest)).integer(body_size);
    if (const auto confirmed = finish(use); !confirmed) return confirmed;
    if (sqlite3_changes(connection.get()) > 0) return {};
  }
  const EncodedBody body = encode(*response.body);
  const caching::KeyColumns columns = caching::columns_of(response.key);
  const auto text_or_null = [](Statement::Use& use, const std::optional<std::string>& value) {
    value ? use.text(*value) : use.null();
  };
  Statement::Use use(replace_);
  bind_times(use, response);
  use.blob(view_of(hash))
      .text(response.key.text())
      .blob(view_of(digest))
      .integer(body_size)
      .blob(body.bytes)
      .text(body.encoding);
  use.integer(stored_size(response, body.bytes))
      .text(columns.credential)
      .text(response.route)
      .text(columns.path);
  use.text(response.account_id).text(response.campaign_id);
  for (const auto* value : {&columns.date_start, &columns.date_end, &columns.currency, &columns.time_zone})
    text_or_null(use, *value);
  use.text(columns.rokt_version).text(columns.other_parameters);
  return finish(use);
}

Result<void> RowWriter::erase(const caching::KeyHash& hash) {
  const HashBytes bytes = bytes_of(hash);
  Statement::Use use(erase_);
  use.blob(view_of(bytes));
  return finish(use);
}

Result<void> RowWriter::touch(const caching::KeyHash& hash, WallTime used_at) {
  const HashBytes bytes = bytes_of(hash);
  Statement::Use use(touch_);
  use.integer(unix_ms(used_at)).blob(view_of(bytes));
  return finish(use);
}

Result<std::int64_t> RowWriter::evict(Connection& connection, WallTime now, std::int64_t count) {
  const std::pair<Statement*, WallTime> first_to_go[] = {{&expire_, now},
                                                         {&evict_future_, now + caching::clock_tolerance}};
  for (const auto& [statement, than] : first_to_go) {
    Statement::Use use(*statement);
    use.integer(unix_ms(than)).integer(count);
    if (const auto gone = finish(use); !gone) return gone.error();
    if (const auto deleted = sqlite3_changes(connection.get()); deleted > 0) return deleted;
  }
  Statement::Use use(evict_);
  use.integer(count);
  if (const auto evicted = finish(use); !evicted) return evicted.error();
  return sqlite3_changes(connection.get());
}

void RowReader::DecompressorFreer::operator()(ZSTD_DCtx_s* decompressor) const {
  ZSTD_freeDCtx(decompressor);
}

Result<RowReader> RowReader::prepare(Connection& connection, BodyAccount* bodies) {
  RowReader reader;
  reader.bodies_ = bodies;
  auto prepared = Statement::prepare(connection, find_sql);
  if (!prepared) return prepared.error();
  reader.find_ = std::move(*prepared);
  reader.decompressor_.reset(ZSTD_createDCtx());
  if (!reader.decompressor_) throw std::bad_alloc();
  return reader;
}

std::shared_ptr<const caching::Restated> restated_at(Statement::Use& use, int column) {
  if (use.is_null(column + 1)) return nullptr;
  return std::make_shared<const caching::Restated>(caching::Restated{
      static_cast<std::uint64_t>(use.integer_at(column)), wall_time_from_unix_ms(use.integer_at(column + 1)),
      std::string(use.text_at(column + 2))});
}

/// The size of a long body is read first. Room is taken for it twice, because SQLite copies it together from
/// its pages before it is decoded.
Result<FoundRow> RowReader::find(const Key& key, std::int64_t body_max) {
  BodyAccount::Growing room(bodies_);
  if (bodies_ == nullptr || body_max <= body_without_asking) return read(key, body_max, std::move(room));
  auto found = read(key, body_without_asking, BodyAccount::Growing(bodies_));
  if (!found || !found->body_left || found->body_size > body_max) return found;
  // A body that was kept has room, so this is no size that was written; or one that was under other settings.
  const std::uint64_t needed = 2 * static_cast<std::uint64_t>(found->body_size);
  if (needed > bodies_->read().bound) return corrupt(key, "there can be no room for its body");
  const auto there = room.ask(needed);
  if (there != BodyAccount::Room::there)
    return Error{ErrorCode::overloaded, there == BodyAccount::Room::soon,
                 "no room in memory for a stored answer of " + std::to_string(found->body_size) + " bytes"};
  return read(key, body_max, std::move(room));
}

Result<FoundRow> RowReader::read(const Key& key, std::int64_t body_max, BodyAccount::Growing room) {
  const HashBytes hash = bytes_of(key.hash());
  Statement::Use use(find_);
  use.integer(body_max).blob(view_of(hash)).text(key.text());
  const auto row = use.step();
  if (!row) return row.error();
  if (!*row) return FoundRow{};
  if (use.is_null(5) && use.integer_at(7) > body_max) return FoundRow{nullptr, {}, true, use.integer_at(7)};
  StoredResponse response;
  response.key = key;
  response.route = use.text_at(0);
  response.account_id = use.text_at(1);
  response.campaign_id = use.text_at(2);
  response.status = static_cast<unsigned>(use.integer_at(3));
  response.head = use.text_at(4);
  auto body = decode(decompressor_.get(), key, use.blob_at(5), use.text_at(6), use.integer_at(7), room);
  if (!body && use.out_of_memory()) throw std::bad_alloc();
  if (!body) return body.error();
  response.body = std::move(*body);
  response.entity_tag = use.text_at(8);
  response.validator = use.text_at(9);
  if (!use.is_null(10)) response.range_end = wall_time_from_unix_ms(use.integer_at(10));
  response.fetched_at = wall_time_from_unix_ms(use.integer_at(11));
  response.fresh_until = wall_time_from_unix_ms(use.integer_at(12));
  response.usable_until = wall_time_from_unix_ms(use.integer_at(13));
  response.steady_refreshes = static_cast<unsigned>(use.integer_at(16));
  response.restated = restated_at(use, 18);
  response.date.make(response.fetched_at);  // before anybody shares it: later it takes a copy
  const std::int64_t stale_since = use.integer_at(17);
  if (use.out_of_memory()) throw std::bad_alloc();
  if (use.integer_at(15) != (checksum_of(response) ^ stale_since))
    return corrupt(key, "its checksum does not fit");
  if (stale_since != 0)
    response = caching::made_stale(std::move(response), wall_time_from_unix_ms(stale_since));
  return FoundRow{caching::share(std::move(response)), wall_time_from_unix_ms(use.integer_at(14))};
}

}  // namespace roktcached::storage
