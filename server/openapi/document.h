#pragma once

#include <string>

#include "config/settings.h"
#include "core/rokt/routes.h"

namespace roktcached::openapi {

/// The listener at whose /openapi.json a document is.
enum class ServedBy { proxy, admin };

/// The OpenAPI 3.1 document of both listeners, as JSON: the routes, parameters and ways to sign in that are
/// in force, and the admin API where there is one. Holds no secret, no client's name and no path of a file.
[[nodiscard]] std::string document(const config::Settings& settings, const rokt::RouteTable& routes,
                                   ServedBy served_by);

}  // namespace roktcached::openapi
