#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/http/target.h"
#include "core/rokt/routes.h"
#include "core/time.h"

namespace roktcached::rokt {

enum class Validation {
  strict,   ///< a request the upstream would refuse is refused here, before quota is spent
  lenient,  ///< what is doubtful goes forward, keyed in full
};

struct ParameterRules {
  Validation validation = Validation::strict;
  std::vector<std::string> extra_currencies;  ///< accepted besides the ten of the API's page
  /// The end of a range that ends about now is rounded down to a multiple of this, on the clock of the
  /// request's zone; zero: it is not rounded.
  std::chrono::milliseconds open_end_step{0};
};

/// The currencies of the API's page, in its order.
[[nodiscard]] const std::vector<std::string_view>& documented_currencies();

/// The result of checking an accepted request's parameters, which its answer's life depends on.
struct CheckedParameters {
  /// When the requested range ends, in its later reading; on a report route always there under
  /// Validation::strict. Empty elsewhere, and where a lenient check could not tell.
  std::optional<WallTime> range_end;
};

/// Checks the query of a request on `route`. On every report, metadata and query route, also when lenient: no
/// parameter twice, and none with an empty name (400). On report routes when strict: dateStart, dateEnd,
/// currency and timeZoneVariation are there and well-formed; start is not after end (both in the reading that
/// lets the request pass); groupby is one of the route's values, if it has any; and no name is nearly that of
/// a known parameter. Other unknown parameters pass. On `off` and token routes nothing is checked.
/// @return invalid_request, whose context names the parameter, what was sent (at most 64 bytes of it, with
///          '?' for what is not printable) and what is accepted
[[nodiscard]] Result<CheckedParameters> check_parameters(const Route& route,
                                                         std::span<const http::QueryParameter> parameters,
                                                         const ParameterRules& rules);

}  // namespace roktcached::rokt
