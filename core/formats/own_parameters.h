#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/formats/conversion.h"
#include "core/http/target.h"

namespace roktcached::formats {

/// A column that says of an answer what a tool cannot see.
enum class Column : std::uint8_t {
  fetched_at,    ///< in UTC, as 2026-11-29T08:15:00Z
  report_state,  ///< as Report-State
  route,         ///< its name
  date_start,    ///< as it stands in the question; so have all below
  date_end,
  currency,
  time_zone,
};

/// Lives for ever.
[[nodiscard]] std::string_view name_of(Column column);

/// The parameters of a request's query that speak to this proxy: their names begin with "roktcached". They
/// are in no key, and never go upstream.
struct OwnParameters {
  std::optional<Format> format;  ///< roktcached-format; empty: Accept decides
  std::vector<Column> columns;   ///< roktcached-columns
  std::string_view dates;        ///< roktcached-dates; empty: it is not there. A view into the parameters
};

/// Whether a name, percent-decoded, is kept for this proxy: it begins with "roktcached", in any case.
[[nodiscard]] bool is_own(std::string_view name);

/// Whether a query may have such a parameter. A quick look at the raw text: it is sure only where it says no.
[[nodiscard]] bool may_have_own(std::string_view query);

/// Reads those that are kept for this proxy; the others do not count.
/// @return invalid_request, which names the parameter, what came and what is accepted
[[nodiscard]] Result<OwnParameters> read_own_parameters(std::span<const http::QueryParameter> parameters);

}  // namespace roktcached::formats
