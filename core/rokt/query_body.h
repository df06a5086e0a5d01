#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/rokt/parameters.h"
#include "core/rokt/time_zone.h"
#include "core/time.h"

namespace roktcached::rokt {

/// The content of a request to the Query API, understood as far as a cache needs it.
struct QueryBody {
  /// The one spelling of all bodies that ask the same: members sorted by name, no white space, escapes only
  /// where JSON needs them. Arrays keep their order, and numbers their text. One line.
  std::string canonical;
  /// When the range ends that is asked for: endDate in its later reading, on the clock of timezoneVariation,
  /// else on that of the account, else on the last clock on earth to get there. Empty if endDate is absent or
  /// no date.
  std::optional<WallTime> range_end;
};

/// Reads the content of a request on a query route.
/// @param rules  when strict, a member that is nearly a known one, or is what the Reporting API calls it, is
///               refused: the API would pass over it, and answer another question
/// @param account_zone  of the account that is asked about, for a question that names no zone; empty: unknown
/// @return invalid_request, whose context names the place and what is accepted: content that is not one JSON
///         object (RFC 8259), a name twice in one object, more than 32 levels
[[nodiscard]] Result<QueryBody> read_query_body(std::string_view content, const ParameterRules& rules,
                                                const std::optional<TimeZone>& account_zone = {});

}  // namespace roktcached::rokt
