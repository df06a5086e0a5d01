#pragma once

#include <poll.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <vector>

#include "server/net/departure.h"

namespace roktcached::net {

/// Notices clients that hang up while they wait for an answer, and announces it. Nothing is read from them
/// meanwhile, so nothing else would notice. A client that ends its half of the connection has hung up.
///
/// Each interval one call of poll(2) looks at all of them. So to be watched costs no system call of its own,
/// and an answer that comes within the interval costs none at all. Bytes of a next request that were not read
/// do not matter, nor does TLS.
///
/// Belongs to one thread, that of its executor, which is not run any more once the object is gone. Keeps the
/// executor running while a client is watched, and for one interval more unless it is drained.
class HangupWatch {
 public:
  explicit HangupWatch(const boost::asio::any_io_executor& executor,
                       std::chrono::milliseconds interval = std::chrono::milliseconds{200});
  HangupWatch(const HangupWatch&) = delete;
  HangupWatch& operator=(const HangupWatch&) = delete;
  ~HangupWatch() = default;

  /// Watches one client, for as long as it lives and until it has been announced.
  class Watched {
   public:
    /// @param watch, departure  outlive it
    /// @param descriptor        of the client's connection, not closed before it ends
    Watched(HangupWatch& watch, int descriptor, Departure& departure);
    ~Watched();
    Watched(const Watched&) = delete;
    Watched& operator=(const Watched&) = delete;

   private:
    friend HangupWatch;
    HangupWatch& watch_;
    Departure& departure_;
    std::size_t place_ = 0;  // in both vectors
    bool listed_ = true;
  };

  /// Sets up again what an exception may have ended: for the root of the executor's thread.
  void look_again() {
    if (!watched_.empty() && !to_look_) look_later();
  }

  /// From now on the executor is not kept running for those that may come.
  void drain();

 private:
  void look_later();
  void look();
  void remove(Watched& watched);

  boost::asio::steady_timer timer_;
  const std::chrono::milliseconds interval_;
  std::vector<Watched*> watched_;
  std::vector<pollfd> polled_;  // the same, one by one
  bool to_look_ = false;        // look() will be called
  bool draining_ = false;
};

}  // namespace roktcached::net
