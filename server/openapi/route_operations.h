#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "config/settings.h"
#include "core/rokt/routes.h"

namespace roktcached::openapi {

namespace json = boost::json;

/// An operation at a path.
struct Operation {
  std::string path;     ///< with {placeholders}
  std::string method;   ///< in lower case
  json::object object;  ///< an Operation Object (OpenAPI 3.1.0, section 4.8.10)
};

/// The operations of the proxy's port: one for each method of each route, and those that are answered where
/// no route takes their path. A method that OpenAPI does not know is left out.
[[nodiscard]] std::vector<Operation> route_operations(const config::Settings& settings,
                                                      const rokt::RouteTable& routes);

/// A reference to the answer that says what went wrong.
[[nodiscard]] json::object problem_reference();

}  // namespace roktcached::openapi
