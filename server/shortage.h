#pragma once

#include <atomic>

#include "core/mutex.h"
#include "core/time.h"
#include "server/net/waiting_senders.h"

namespace roktcached {

/// What is done where bodies have no more room in memory: the slowest client gives way, and the log says so,
/// once in a while. Safe from any thread.
class Shortage {
 public:
  explicit Shortage(net::WaitingSenders& senders) : senders_(senders) {}

  /// @return whether somebody gives way
  bool relieve(SteadyTime now);

 private:
  void report(std::size_t cut, bool refused, SteadyTime now);

  net::WaitingSenders& senders_;
  Mutex mutex_;
  std::size_t cut_ GUARDED_BY(mutex_) = 0;  // since the last line
  std::size_t refused_ GUARDED_BY(mutex_) = 0;
  SteadyTime next_line_ GUARDED_BY(mutex_){};
};

}  // namespace roktcached
