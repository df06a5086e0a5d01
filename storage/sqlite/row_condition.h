#pragma once

#include <string>

#include "core/caching/selection.h"
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

}  // namespace roktcached::storage
