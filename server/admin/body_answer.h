#pragma once

#include <boost/json/fwd.hpp>
#include <string>
#include <string_view>

#include "server/http/message.h"

namespace roktcached::admin {

/// An answer of the admin listener: kept by no cache, shown in no frame.
[[nodiscard]] http::Answer with_body(unsigned status, std::string_view type, std::string body);

/// The same of JSON, on a line.
[[nodiscard]] http::Answer with_json(const boost::json::object& content, unsigned status = 200);

}  // namespace roktcached::admin
