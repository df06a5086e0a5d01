#include "server/runtime.h"

#include <functional>
#include <set>
#include <utility>

#include "core/mutex.h"
#include "server/openapi/document.h"

namespace roktcached {

namespace {

/// The one copy of a route's name that lasts as long as the process.
std::string_view lasting(std::string_view name) {
  static Mutex mutex;
  static std::set<std::string, std::less<>> names GUARDED_BY(mutex);
  const LockGuard lock(mutex);
  const auto found = names.find(name);
  return found != names.end() ? *found : *names.emplace(name).first;
}

}  // namespace

Runtime::Runtime(config::Settings of, std::shared_ptr<access::ClientRegistry> known_clients,
                 std::uint64_t its_number)
    : settings(std::move(of)),
      routes(rokt::all_routes(settings.routes)),
      policies(settings.freshness, settings.freshness_overrides),
      clients(std::move(known_clients)),
      number(its_number),
      openapi(caching::share_body(openapi::document(settings, routes, openapi::ServedBy::proxy))) {
  for (const rokt::Route& route : routes.routes()) lasting_names_.push_back(lasting(route.name));
}

}  // namespace roktcached
