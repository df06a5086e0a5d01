#pragma once

#include <cstdint>
#include <string>

#include "core/time.h"
#include "server/simulator/reports.h"
#include "server/simulator/world.h"

namespace roktcached::simulator {

/// The meaning of an endDate without a time of day: clients of the Query API disagree.
enum class EndDate { exclusive, inclusive };

/// A request to the Query API, with all that its answer depends on.
struct QueryRequest {
  std::string method;
  std::string path;
  std::string content;
  EndDate end_date = EndDate::exclusive;
  std::int64_t query_time_ms = 0;  ///< what the answer says that it took
};

/// Whether a path is one of the Query API.
[[nodiscard]] bool is_query_path(const std::string& path);

/// Answers from the same facts as the Reporting API does. Knows nothing of tokens. Pure.
/// @return 403 for an account that is not among 1 to 999; 404 for a path, 405 for a method that is not there;
///         400 for content that cannot be understood, unknown dimensions and metrics, ordering by `datetime`
[[nodiscard]] Reply answer_query(const World& world, const QueryRequest& request, WallTime now);

}  // namespace roktcached::simulator
