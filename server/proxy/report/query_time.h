#pragma once

#include <string>
#include <string_view>

namespace roktcached::proxy {

/// The answer to a query without the time that it took: with 0 as the value of a top-level `queryTimeMs`,
/// which may differ each time that the same is asked.
/// @param body  whole JSON
[[nodiscard]] std::string without_query_time(std::string_view body);

/// Whether two answers are the same, apart from the time that the query took.
[[nodiscard]] bool same_but_for_query_time(std::string_view left, std::string_view right);

}  // namespace roktcached::proxy
