#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/caching/stored_response.h"
#include "core/mutex.h"
#include "core/rokt/time_zone.h"

namespace roktcached::proxy {

/// The time zone of each account, as the Query API's own answers have told it: a question that names no zone
/// is meant on that one's clock. Bounded; safe from any thread.
class AccountZones {
 public:
  /// Reads the zones off an answer of query-accounts or query-account; any other tells none.
  void learn(const caching::StoredResponse& response);
  /// Empty where nobody has told it yet.
  [[nodiscard]] std::optional<rokt::TimeZone> zone_of(std::string_view account_id) const;

 private:
  static constexpr std::size_t most = 16384;  // what is told beyond that is not kept

  mutable Mutex mutex_;
  std::unordered_map<std::string, rokt::TimeZone> zones_ GUARDED_BY(mutex_);
};

}  // namespace roktcached::proxy
