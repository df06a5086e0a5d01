#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace roktcached::http {

/// Why a request went forward (RFC 9211, section 2.2), for the `fwd` parameter.
enum class Forward { none, bypass, miss, request, stale };

/// One member of Cache-Status (RFC 9211), ours.
struct CacheStatus {
  bool hit = false;
  Forward forward = Forward::none;
  /// The upstream's status; to be said only where the client gets another one (RFC 9211, section 2.3).
  std::optional<unsigned> forward_status = {};
  bool stored = false;
  std::optional<std::chrono::seconds> ttl = {};  ///< negative for a stale answer
  bool collapsed = false;
  std::string_view detail =
      {};  ///< a token such as "stale-if-error"; empty for none. Must outlive this object.
};

/// E.g. "roktcached; hit; ttl=280", "roktcached; fwd=miss; stored; ttl=300; collapsed",
/// "roktcached; fwd=stale; fwd-status=503; detail=stale-if-error": parameters in the order of the struct.
[[nodiscard]] std::string to_string(const CacheStatus& status);
/// Appends the same.
void append(std::string& text, const CacheStatus& status);

/// "miss", "stale" and so on; empty for Forward::none.
[[nodiscard]] std::string_view to_string(Forward forward);

}  // namespace roktcached::http
