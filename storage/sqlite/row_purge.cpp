#include "storage/sqlite/row_purge.h"

#include <algorithm>
#include <array>
#include <string>

#include "storage/sqlite/row.h"
#include "storage/sqlite/row_condition.h"

namespace roktcached::storage {

Result<RowPurge> RowPurge::prepare(Connection& connection, const caching::Purge& purge, WallTime now) {
  RowPurge rows;
  rows.connection_ = connection.get();
  rows.purge_ = purge;
  rows.now_ = now;
  rows.condition_ = RowCondition(purge.selection);
  const std::string& condition = rows.condition_.sql();
  // A row with status 0 leads to variants; it is never made stale, see caching::made_stale.
  const std::array<std::pair<Statement*, std::string>, 5> statements = {
      {{&rows.select_, "SELECT id FROM responses WHERE " + condition},
       {&rows.find_, "SELECT id FROM responses WHERE key_hash = ?"},
       {&rows.delete_, "DELETE FROM responses WHERE id = ? AND " + condition},
       {&rows.read_,
        "SELECT checksum, stale_since_unix_ms FROM responses WHERE id = ? AND fresh_until_unix_ms > ? AND "
        "(stale_since_unix_ms = 0 OR stale_since_unix_ms > ?) AND status > 0 AND " +
            condition},
       {&rows.mark_, "UPDATE responses SET stale_since_unix_ms = ?, checksum = ? WHERE id = ?"}}};
  for (const auto& [statement, sql] : statements) {
    auto prepared = Statement::prepare(connection, sql.c_str());
    if (!prepared) return prepared.error();
    *statement = std::move(*prepared);
  }
  return rows;
}

Result<std::vector<std::int64_t>> RowPurge::selected() {
  std::vector<std::int64_t> ids;
  Statement::Use use(select_);
  condition_.bind(use);
  while (true) {
    const auto row = use.step();
    if (!row) return row.error();
    if (!*row) return ids;
    ids.push_back(use.integer_at(0));
  }
}

Result<bool> RowPurge::purge(std::int64_t id) {
  if (purge_.kind == caching::PurgeKind::hard) {
    Statement::Use use(delete_);
    use.integer(id);
    condition_.bind(use);
    const auto deleted = use.step();
    if (!deleted) return deleted.error();
    return sqlite3_changes(connection_) > 0;
  }
  const std::int64_t now = unix_ms(now_);
  std::int64_t checksum = 0;
  {
    Statement::Use use(read_);
    use.integer(id).integer(now).integer(now);
    condition_.bind(use);
    const auto row = use.step();
    if (!row) return row.error();
    if (!*row) return false;
    checksum = use.integer_at(0) ^ use.integer_at(1) ^ now;
  }
  Statement::Use use(mark_);
  use.integer(now).integer(checksum).integer(id);
  const auto marked = use.step();
  if (!marked) return marked.error();
  return true;
}

Result<void> RowPurge::purge(const caching::KeyHash& hash) {
  const HashBytes bytes = bytes_of(hash);
  std::int64_t id = 0;
  {
    Statement::Use use(find_);
    use.blob({bytes.data(), bytes.size()});
    const auto row = use.step();
    if (!row) return row.error();
    if (!*row) return {};
    id = use.integer_at(0);
  }
  const auto purged = purge(id);
  return purged ? Result<void>() : Result<void>(purged.error());
}

/// SQLite drops a table's pages without looking at its rows, but not where a trigger wants to see each.
/// Readers notice the change of the schema and prepare their statements again.
Result<std::uint64_t> delete_all_rows(Connection& connection) {
  const auto entries = connection.integer("SELECT entries FROM totals");
  if (!entries) return entries.error();
  std::string trigger;
  {
    auto find =
        Statement::prepare(connection, "SELECT sql FROM sqlite_schema WHERE name = 'responses_removed'");
    if (!find) return find.error();
    Statement::Use use(*find);
    const auto row = use.step();
    if (!row) return row.error();
    if (*row) trigger = use.text_at(0);
  }
  for (const std::string& sql :
       {std::string("DROP TRIGGER IF EXISTS responses_removed"), std::string("DELETE FROM responses"),
        std::string("UPDATE totals SET entries = 0, bytes = 0"), trigger}) {
    if (const auto done = connection.execute(sql.c_str()); !done) return done.error();
  }
  return static_cast<std::uint64_t>(std::max<std::int64_t>(*entries, 0));
}

}  // namespace roktcached::storage
