#include "server/proxy/decision_log.h"

#include <fmt/format.h>

#include <string>

namespace roktcached::proxy {

namespace {

using caching::Action;
using http::Forward;

std::string_view name_of(Action action) {
  switch (action) {
    case Action::use:
      return "use";
    case Action::use_and_refresh:
      return "use-and-refresh";
    case Action::fetch:
      return "fetch";
    case Action::refuse:
      break;
  }
  return "refuse";
}

std::string because(const caching::Decision& decision, const caching::StoredResponse* stored, WallTime now) {
  if (stored == nullptr) return "nothing usable is stored";
  const auto ttl = caching::ttl_of(*stored, now).count();
  std::string state = ttl > 0 ? fmt::format("fresh for {} s more", ttl) : fmt::format("stale for {} s", -ttl);
  if (decision.reason == Forward::request) return state + ", and the client asks for what is newer";
  if (decision.reason == Forward::bypass) return "what it asks for is never answered from the cache";
  if (decision.action == Action::use && ttl <= 0) return state + ", and may be used so";
  return state;
}

}  // namespace

void log_decision_now(const http::Request& request, const rokt::Route& route, const caching::Key& key,
                      const caching::Decision& decision, const caching::StoredResponse* stored,
                      WallTime now) {
  const std::string hash = caching::to_hex(key.hash());
  const std::string sentence = fmt::format("{} {}: {}; {}", route.name, hash, name_of(decision.action),
                                           because(decision, stored, now));
  const std::string_view reason = to_string(decision.reason);
  LogEvent event(spdlog::level::debug, "decision", sentence);
  event.with("client", request.client)
      .with("route", route.name)
      .with("key", hash)
      .with("action", name_of(decision.action))
      .with("reason", reason.empty() ? "-" : reason);
  if (stored != nullptr) event.with("ttl_s", caching::ttl_of(*stored, now).count());
  event.with("request_id", request.id).log();
}

void log_storing(std::string_view route, const caching::Key& key, caching::Storing storing) {
  if (!debug_is_logged.load(std::memory_order_relaxed)) return;
  const std::string hash = caching::to_hex(key.hash());
  const bool stored = storing == caching::Storing::stored;
  const std::string sentence =
      stored ? fmt::format("{} {}: stored", route, hash)
             : fmt::format("{} {}: not stored; {}", route, hash, caching::name_of(storing));
  LogEvent(spdlog::level::debug, "storing", sentence)
      .with("route", route)
      .with("key", hash)
      .with("storing", stored ? "stored" : caching::name_of(storing))
      .log();
}

}  // namespace roktcached::proxy
