#include "storage/sqlite/row_listing.h"

#include <algorithm>
#include <string>
#include <variant>

#include "storage/sqlite/row.h"
#include "storage/sqlite/row_condition.h"

namespace roktcached::storage {

namespace {

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

Result<std::vector<EntrySummary>> list_rows(Connection& connection, const Listing& wanted) {
  const RowCondition condition(wanted.selection);
  const std::string sql = columns + condition.sql() + order_of(wanted);
  auto statement = Statement::prepare(connection, sql.c_str());
  if (!statement) return statement.error();
  Statement::Use use(*statement);
  condition.bind(use);
  use.integer(static_cast<std::int64_t>(wanted.limit));
  std::vector<EntrySummary> entries;
  while (true) {
    const auto row = use.step();
    if (!row) return row.error();
    if (!*row) return entries;
    entries.push_back(summary_at(use));
  }
}

}  // namespace roktcached::storage
