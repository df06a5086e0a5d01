#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"
#include "core/caching/policies.h"
#include "core/rokt/routes.h"
#include "server/access/authenticator.h"

namespace roktcached {

/// One snapshot of the settings, with all that is made of them for requests. Immutable: a reload makes
/// another one, and each request is served to its end under the one that it has begun under. Safe from any
/// thread.
struct Runtime {
  /// @param known_clients  made of settings.clients; null: there are none, and everybody may ask
  /// @param its_number     differs for each snapshot; a later one has a larger number
  Runtime(config::Settings of, std::shared_ptr<access::ClientRegistry> known_clients,
          std::uint64_t its_number);

  /// The route's name, for objects that may outlive the request and the snapshot, such as counters and
  /// fetches. Names are never freed: there are only as many as routes that the operator has ever configured.
  /// @param route  one of `routes`
  [[nodiscard]] std::string_view lasting_name(const rokt::Route& route) const {
    return lasting_names_[static_cast<std::size_t>(&route - routes.routes().data())];
  }

  const config::Settings settings;
  const rokt::RouteTable routes;  ///< see rokt::all_routes
  const caching::FreshnessPolicies policies;
  const std::shared_ptr<access::ClientRegistry> clients;
  const std::uint64_t number;
  /// The description that the proxy serves at /openapi.json.
  const caching::BodyPtr openapi;

 private:
  std::vector<std::string_view> lasting_names_;  // in the order of the routes
};
using RuntimePtr = std::shared_ptr<const Runtime>;

/// The snapshot in force as one client thread begins requests under it, and the thread's own authenticator
/// for it. Belongs to the thread.
struct ThreadRuntime {
  RuntimePtr runtime;
  std::shared_ptr<access::Authenticator>
      authenticator;  ///< of the snapshot's clients; null: everybody may ask
};
using ThreadRuntimePtr = std::shared_ptr<const ThreadRuntime>;

}  // namespace roktcached
