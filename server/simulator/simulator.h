#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/error.h"
#include "core/time.h"
#include "server/simulator/queries.h"

namespace roktcached::simulator {

struct Options {
  std::string host = "127.0.0.1";  ///< an IP address
  std::uint16_t port = 9090;       ///< 0: the system chooses
  std::uint64_t seed = 1;          ///< another seed is another world
  double rate = 0;                 ///< requests per second that the leaky bucket lets out; 0: no limit
  double burst = 1;                ///< requests that the bucket holds
  std::chrono::seconds token_lifetime{3600};
  std::optional<WallTime> now;  ///< the data's clock stands at this time; empty: it runs
  std::string app_id = "demo-app";
  std::string app_secret = "demo-secret";
  EndDate end_date = EndDate::exclusive;  ///< of the Query API
  bool entity_tags = false;               ///< send ETag and honour If-None-Match
};

/// A Rokt Reporting API to develop, demo and test against: real sockets, a world of its own, faults on
/// demand. Runs on a thread of its own from start() until stop() or the destructor; the other calls are safe
/// from any thread.
class Simulator {
 public:
  /// @return unavailable, naming the address, where it cannot listen
  [[nodiscard]] static Result<std::unique_ptr<Simulator>> start(const Options& options);
  ~Simulator();
  Simulator(const Simulator&) = delete;
  Simulator& operator=(const Simulator&) = delete;

  void stop();
  [[nodiscard]] std::uint16_t port() const;

 private:
  class Server;
  explicit Simulator(std::unique_ptr<Server> server);
  std::unique_ptr<Server> server_;
};

}  // namespace roktcached::simulator
