#include "storage/sqlite/row_selection.h"

#include <algorithm>
#include <array>
#include <string>
#include <variant>

#include "storage/sqlite/row.h"

namespace roktcached::storage {

namespace {

/// See caching::is_note.
constexpr const char* no_note = "substr(path, 1, 1) <> '~'";
constexpr const char* notes = "path >= '~' AND path < '\x7f'";
static_assert(caching::note_mark == '~' && '~' + 1 == '\x7f');

/// A target is the second word of a key's text, see caching::Key.
struct Sql {
  std::string operator()(const caching::Everything&) const { return "1"; }
  std::string operator()(const caching::WithKey&) const { return "key_hash = ?"; }
  std::string operator()(const caching::WithTarget&) const {
    return "((path = ? AND substr(key, length(credential) + 2, length(?) + 1) = ? || ' ') OR "
           "(path = ? AND substr(key, length(credential) + 2, length(?) + 1) = ? || ' '))";
  }
  std::string operator()(const caching::OfRoute&) const { return "route = ?"; }
  std::string operator()(const caching::OfAccount& wanted) const {
    return wanted.campaign_id ? "account_id = ? AND campaign_id = ?" : "account_id = ?";
  }
};

struct Binder {
  Statement::Use& use;
  const std::string& key_hash;

  void operator()(const caching::Everything&) const {}
  void operator()(const caching::WithKey&) const { use.blob(key_hash); }
  void operator()(const caching::WithTarget& wanted) const {
    for (const std::string_view target :
         {std::string_view(wanted.canonical), std::string_view(wanted.as_sent)})
      use.text(target.substr(0, target.find('?'))).text(target).text(target);
  }
  void operator()(const caching::OfRoute& wanted) const { use.text(wanted.name); }
  void operator()(const caching::OfAccount& wanted) const {
    use.text(wanted.account_id);
    if (wanted.campaign_id) use.text(*wanted.campaign_id);
  }
};

// A row with status 0 leads to variants; it is no entry of anybody's.
constexpr const char* columns = R"(
SELECT key, route, account_id, campaign_id, status, body_size, range_end_unix_ms, steady_refreshes, fetched_at_unix_ms,
  fresh_until_unix_ms, usable_until_unix_ms, stale_since_unix_ms, restatements, restated_at_unix_ms, restated_fields
FROM responses WHERE status > 0 AND )";

const char* order_of(const Listing& wanted) {
  if (wanted.restated_only)
    return " AND restated_at_unix_ms IS NOT NULL ORDER BY restated_at_unix_ms DESC LIMIT ?";
  const bool all = std::holds_alternative<caching::Everything>(wanted.selection);
  return all ? " ORDER BY last_used_at_unix_ms DESC LIMIT ?" : " ORDER BY fetched_at_unix_ms DESC LIMIT ?";
}

EntrySummary summary_at(Statement::Use& use) {
  EntrySummary summary;
  summary.key = caching::Key(std::string(use.text_at(0)));
  summary.route = use.text_at(1);
  summary.account_id = use.text_at(2);
  summary.campaign_id = use.text_at(3);
  summary.status = static_cast<unsigned>(use.integer_at(4));
  summary.body_bytes = static_cast<std::uint64_t>(use.integer_at(5));
  if (!use.is_null(6)) summary.range_end = wall_time_from_unix_ms(use.integer_at(6));
  summary.steady_refreshes = static_cast<unsigned>(use.integer_at(7));
  summary.fetched_at = wall_time_from_unix_ms(use.integer_at(8));
  summary.fresh_until = wall_time_from_unix_ms(use.integer_at(9));
  summary.usable_until = wall_time_from_unix_ms(use.integer_at(10));
  if (const std::int64_t stale_since = use.integer_at(11); stale_since != 0)
    summary.fresh_until = std::min(summary.fresh_until, wall_time_from_unix_ms(stale_since));
  summary.restated = restated_at(use, 12);
  return summary;
}

}  // namespace

RowCondition::RowCondition(caching::Selection selection)
    : selection_(std::move(selection)), sql_(std::visit(Sql{}, selection_)) {
  if (!std::holds_alternative<caching::WithKey>(selection_)) sql_ += std::string(" AND ") + no_note;
  if (const auto* wanted = std::get_if<caching::WithKey>(&selection_)) {
    const HashBytes bytes = bytes_of(wanted->hash);
    key_hash_.assign(bytes.data(), bytes.size());
  }
}

void RowCondition::bind(Statement::Use& use) const {
  std::visit(Binder{use, key_hash_}, selection_);
}

Result<std::vector<EntrySummary>> list_rows(Connection& connection, const Listing& wanted) {
  const RowCondition condition(wanted.selection);
  const std::string sql = columns + condition.sql() + order_of(wanted);
  auto statement = Statement::prepare(connection, sql.c_str());
  if (!statement) return statement.error();
  Statement::Use use(*statement);
  condition.bind(use);
  use.integer(static_cast<std::int64_t>(wanted.limit));
  std::vector<EntrySummary> entries;
  const auto listed = use.each_row([&] { entries.push_back(summary_at(use)); });
  if (!listed) return listed.error();
  return entries;
}

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
  const auto listed = use.each_row([&] { ids.push_back(use.integer_at(0)); });
  if (!listed) return listed.error();
  return ids;
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
/// Readers notice the change of the schema and prepare their statements again. Notes are put back.
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
       {"CREATE TABLE kept AS SELECT * FROM responses WHERE " + std::string(notes),
        std::string("DROP TRIGGER IF EXISTS responses_removed"), std::string("DELETE FROM responses"),
        std::string("UPDATE totals SET entries = 0, bytes = 0"), trigger,
        std::string("INSERT INTO responses SELECT * FROM kept"), std::string("DROP TABLE kept")}) {
    if (const auto done = connection.execute(sql.c_str()); !done) return done.error();
  }
  const auto kept = connection.integer("SELECT entries FROM totals");
  if (!kept) return kept.error();
  return static_cast<std::uint64_t>(std::max<std::int64_t>(*entries - *kept, 0));
}

}  // namespace roktcached::storage
