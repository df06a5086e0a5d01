#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "core/error.h"

namespace roktcached::admin {

/// The error of a member of a request's content: "NAME: WHAT; accepted: ...".
[[nodiscard]] Error content_error(std::string_view name, std::string_view what, std::string_view accepted);

/// A value as it came, cut where it is long.
[[nodiscard]] std::string quoted(const boost::json::value& value);

}  // namespace roktcached::admin
