#pragma once

#include <chrono>
#include <memory>
#include <string_view>

#include "config/secret.h"
#include "core/error.h"
#include "core/time.h"

namespace roktcached::upstream {

/// An OAuth 2.0 access token as the upstream minted it (RFC 6749, section 5.1). Immutable once shared.
struct Token {
  config::Secret value;
  std::chrono::milliseconds lifetime{};
  SteadyTime minted_at;  ///< when its request was sent: the upstream counts from no earlier than that
  SteadyTime expires_at;
  WallTime expires_at_wall;  ///< for people
  bool of_fleet = false;     ///< another instance has minted it
};

using TokenPtr = std::shared_ptr<const Token>;

/// Reads the content of a 200 from the token endpoint. An empty or malformed one is
/// upstream_invalid_response, retryable: no JSON object, no non-empty `access_token` of visible ASCII up to
/// 16 KiB, a `token_type` other than Bearer, an `expires_in` that is no number from 1 on. A number in quotes
/// is one, too; an `expires_in` that is absent or null counts as one hour, the documented lifetime. The
/// error's context never repeats the content.
/// @param minted_at, minted_at_wall  when the request was sent
[[nodiscard]] Result<TokenPtr> parse_token(std::string_view content, SteadyTime minted_at,
                                           WallTime minted_at_wall);

/// When a token is renewed: at 80 % of its lifetime, up to a tenth of the lifetime earlier, so that many
/// proxies that were started together do not ask together.
/// @param jitter  in [0, 1)
[[nodiscard]] std::chrono::milliseconds renewal_delay(std::chrono::milliseconds lifetime, double jitter);

/// How long to wait after `failures` failed attempts in a row (one or more): full jitter under 1 s, 2 s, 4 s
/// … 30 s, but never less than 100 ms.
/// @param jitter  in [0, 1)
[[nodiscard]] std::chrono::milliseconds retry_delay(unsigned failures, double jitter);

/// A token younger than this is not doubted when the upstream refuses a request: the refusal is real. 10 s,
/// and for short-lived tokens a tenth of their lifetime.
[[nodiscard]] std::chrono::milliseconds doubt_after(std::chrono::milliseconds lifetime);

}  // namespace roktcached::upstream
