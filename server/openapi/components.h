#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "config/settings.h"

namespace roktcached::openapi {

/// The Components Object: the parameters as the settings in force check them, and the parts that are the same
/// for all settings.
[[nodiscard]] boost::json::object components(const config::Settings& settings);

/// The Tag Objects: one for each class of route, and for the operations that are no route's.
[[nodiscard]] boost::json::array tags();

}  // namespace roktcached::openapi
