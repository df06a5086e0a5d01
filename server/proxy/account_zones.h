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

/// The time zone of each account, as the Query API's own answers have told it. A question that names no zone
/// is meant on that zone's clock. Bounded; safe from any thread.
class AccountZones {
 public:
  /// Reads the zones from an answer of query-accounts or query-account; other answers have none.
  void learn(const caching::StoredResponse& response);
  /// Empty: no answer has told it yet.
  [[nodiscard]] std::optional<rokt::TimeZone> zone_of(std::string_view account_id) const;

 private:
  static constexpr std::size_t most = 16384;  // what is told beyond that is not kept

  mutable Mutex mutex_;
  std::unordered_map<std::string, rokt::TimeZone> zones_ GUARDED_BY(mutex_);
};

}  // namespace roktcached::proxy
