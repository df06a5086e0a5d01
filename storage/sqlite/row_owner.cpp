#include "storage/sqlite/row_owner.h"

namespace roktcached::storage {

namespace {

Result<void> run(Connection& connection, const char* sql, const RowOwner& owner, bool with_fingerprint) {
  auto statement = Statement::prepare(connection, sql);
  if (!statement) return statement.error();
  Statement::Use use(*statement);
  use.text(owner.name);
  if (with_fingerprint) use.text(owner.fingerprint);
  const auto stepped = use.step();
  return stepped ? Result<void>() : Result<void>(stepped.error());
}

}  // namespace

Result<bool> knows_owner(Connection& connection, const RowOwner& owner) {
  auto known = Statement::prepare(connection, "SELECT 1 FROM credentials WHERE name = ? AND fingerprint = ?");
  if (!known) return known.error();
  Statement::Use use(*known);
  use.text(owner.name).text(owner.fingerprint);
  return use.step();
}

Result<std::uint64_t> claim_rows(Connection& connection, const RowOwner& owner) {
  const auto known = knows_owner(connection, owner);
  if (!known) return known.error();
  if (*known) return std::uint64_t{0};
  auto transaction = Transaction::begin(connection);
  if (!transaction) return transaction.error();
  const auto deleted = run(connection, "DELETE FROM responses WHERE credential = ?", owner, false);
  if (!deleted) return deleted.error();
  const auto rows = static_cast<std::uint64_t>(sqlite3_changes64(connection.get()));
  const auto noted = run(connection, "INSERT OR REPLACE INTO credentials VALUES (?, ?)", owner, true);
  if (!noted) return noted.error();
  if (const auto committed = transaction->commit(); !committed) return committed.error();
  return rows;
}

}  // namespace roktcached::storage
