#pragma once

#include <string>
#include <vector>

#include "core/caching/key.h"
#include "core/caching/stored_response.h"
#include "core/http/fields.h"
#include "core/time.h"

namespace roktcached::caching {

/// The key of a target on an http route: the target byte for byte, since only the upstream knows which
/// spellings mean the same. No key of a report can be equal: "=http" is no rokt-version.
[[nodiscard]] Key http_key(std::string_view credential, std::string_view target);

/// The entry at a target's key if its responses vary (RFC 9111, section 4.1). It has each set of request
/// fields that a Vary has named. The responses stand at variant keys of their own. A partial response is a
/// variant by `range`.
///
/// An index also ends what was before it: variant keys carry its generation, so one write of a new, empty
/// index invalidates a target whatever its variants.
class VariantIndex {
 public:
  /// @param now  the generation: not that of any index of this key before
  explicit VariantIndex(WallTime now) : generation_(now) {}
  /// Reads one back. @pre is_index(stored)
  explicit VariantIndex(const StoredResponse& stored);

  /// True for what `to_stored` made, which is nothing to answer with.
  [[nodiscard]] static bool is_index(const StoredResponse& stored) { return stored.status == 0; }

  /// The keys at which a response to `request` may stand, the latest set of fields first.
  [[nodiscard]] std::vector<Key> keys_for(const Key& target, const http::Fields& request) const;
  [[nodiscard]] Key key_for(const Key& target, const std::vector<std::string>& names,
                            const http::Fields& request) const;

  /// Puts `names` first; at most eight sets are remembered.
  void add(const std::vector<std::string>& names);
  [[nodiscard]] StoredResponsePtr to_stored(const Key& target, std::string_view route) const;

 private:
  WallTime generation_;
  std::vector<std::vector<std::string>> sets_;
};

}  // namespace roktcached::caching
