#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <unordered_map>

#include "server/simulator/reports.h"

namespace roktcached::simulator {

/// The simulated token endpoint: OAuth 2.0 client credentials, opaque tokens. Not thread-safe.
class Tokens {
 public:
  using Time = std::chrono::steady_clock::time_point;

  Tokens(std::string app_id, std::string app_secret, std::chrono::seconds lifetime)
      : expected_(app_id + ":" + app_secret), lifetime_(lifetime) {}

  /// Answers `POST /auth/oauth2/token`: 400 for a wrong Basic or another grant than client_credentials (RFC
  /// 6749, section 5.2).
  [[nodiscard]] Reply mint(std::string_view authorization, std::string_view form, Time now);
  [[nodiscard]] bool accepts(std::string_view authorization, Time now) const;

 private:
  std::string expected_;
  std::chrono::seconds lifetime_;
  std::unordered_map<std::string, Time> expiry_;
};

}  // namespace roktcached::simulator
