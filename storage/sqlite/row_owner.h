#pragma once

#include <cstdint>
#include <string>

#include "core/error.h"
#include "storage/sqlite/sqlite_handle.h"

namespace roktcached::storage {

/// A credential as the cache file knows it: by its name, and by something that tells whose it is.
struct RowOwner {
  std::string name;         ///< as keys have it
  std::string fingerprint;  ///< another one means another owner; holds no secret
};

/// Whether the rows of a credential's name are its owner's.
[[nodiscard]] Result<bool> knows_owner(Connection& connection, const RowOwner& owner);

/// Notes who owns the rows of a credential's name. If they were fetched for another owner of that name, or
/// nobody knows for whom, they are deleted first: one tenant's numbers must not be served to the next.
/// @return how many were deleted
[[nodiscard]] Result<std::uint64_t> claim_rows(Connection& connection, const RowOwner& owner);

}  // namespace roktcached::storage
