#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace roktcached::counters {

/// Why a request was sent upstream.
enum class Reason {
  miss,          ///< nothing usable is stored
  stale,         ///< what is stored is too old, and its sender waits
  forced,        ///< its sender would not have what is stored
  revalidation,  ///< behind a stale answer
  refresh_ahead,
  passed,  ///< the route is not cached
  replay,  ///< again, with a new token
  retry,   ///< again, after a failure
};
inline constexpr std::size_t reason_count = 8;

[[nodiscard]] std::string_view to_string(Reason reason);

/// What one caller has cost the upstream on one route.
struct Spent {
  std::string client;  ///< "-" for what nobody has asked for
  std::string route;
  std::array<std::uint64_t, reason_count> by_reason{};
};

/// Requests sent upstream by caller, route and reason. Of callers the first 256 are told apart, the rest are
/// one. Belongs to the upstream thread.
class UpstreamStats {
 public:
  void add(std::string_view client, std::string_view route, Reason reason);
  [[nodiscard]] std::vector<Spent> read() const;

 private:
  std::map<std::string, std::map<std::string, std::array<std::uint64_t, reason_count>, std::less<>>,
           std::less<>>
      clients_;
};

}  // namespace roktcached::counters
