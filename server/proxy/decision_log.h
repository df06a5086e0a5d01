#pragma once

#include <string_view>

#include "core/caching/decision.h"
#include "core/caching/key.h"
#include "core/caching/storing.h"
#include "core/rokt/routes.h"
#include "server/http/message.h"
#include "server/log_event.h"

namespace roktcached::proxy {

/// Logs, at debug level, what is done with a request, and why: "campaign-overview e640…: use; fresh for 280 s
/// more".
/// @param stored  may be null
void log_decision_now(const http::Request& request, const rokt::Route& route, const caching::Key& key,
                      const caching::Decision& decision, const caching::StoredResponse* stored, WallTime now);
/// The same; costs one look if debug lines are not logged.
inline void log_decision(const http::Request& request, const rokt::Route& route, const caching::Key& key,
                         const caching::Decision& decision, const caching::StoredResponse* stored,
                         WallTime now) {
  if (debug_is_logged.load(std::memory_order_relaxed))
    log_decision_now(request, route, key, decision, stored, now);
}

/// Logs, at debug level, whether what was fetched is stored, and why not.
/// @param route  its name
void log_storing(std::string_view route, const caching::Key& key, caching::Storing storing);

}  // namespace roktcached::proxy
