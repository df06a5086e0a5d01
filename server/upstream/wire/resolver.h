#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>

#include "core/error.h"
#include "core/time.h"
#include "server/upstream/limit/turn.h"
#include "server/upstream/wire/dial.h"

namespace roktcached::upstream {

/// The addresses of the one host that is connected to. It looks them up again when they are older than a
/// minute. While the name service fails, the last known ones serve. A slow lookup never holds a caller beyond
/// its deadline. Belongs to the upstream thread.
class Resolver {
 public:
  Resolver(boost::asio::any_io_executor executor, std::string host, std::uint16_t port);

  /// @param turn  outlives the wait, which ends where nobody waits for the request any more; may be null
  /// @return at least one endpoint; upstream_unreachable if the name has none, upstream_timeout at the
  /// deadline, client_gone
  [[nodiscard]] boost::asio::awaitable<Result<Endpoints>> resolve(SteadyTime deadline, Turn* turn = nullptr);

  /// Makes the next resolve look the name up: its addresses did not answer.
  void doubt();

 private:
  struct Lookup;
  static boost::asio::awaitable<void> look_up(std::shared_ptr<Lookup> lookup, std::string host,
                                              std::string port);

  boost::asio::any_io_executor executor_;
  std::string host_;
  std::string port_;
  Endpoints endpoints_;
  SteadyTime fresh_until_ = SteadyTime::min();
  std::shared_ptr<Lookup> lookup_;  // the one under way, if any
};

}  // namespace roktcached::upstream
