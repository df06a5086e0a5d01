#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "config/settings.h"

namespace roktcached::openapi {

/// The Components Object: the parameters as the settings check them, and what is the same for all.
[[nodiscard]] boost::json::object components(const config::Settings& settings);

/// The Tag Objects: one for each class of route, and for the operations that are no route's.
[[nodiscard]] boost::json::array tags();

}  // namespace roktcached::openapi
