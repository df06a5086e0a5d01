#pragma once

#include <optional>
#include <string_view>

#include "server/http/message.h"

namespace roktcached::proxy {

/// The answer at a path of the proxy's own, if no route has it: `/`, a line that names the service, and
/// `/openapi.json`. Ask once the route table knows no such path, since the operator's routes go first.
/// @param path  decoded, see http::decode_unreserved
/// @return nothing for any other path
[[nodiscard]] std::optional<http::Answer> own_page(const http::Request& request, std::string_view path);

}  // namespace roktcached::proxy
