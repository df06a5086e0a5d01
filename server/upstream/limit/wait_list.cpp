#include "server/upstream/limit/wait_list.h"

#include "server/asio.h"

namespace roktcached::upstream {

asio::awaitable<void> WaitList::wait(Turn& turn, SteadyTime until) {
  asio::steady_timer timer(executor_, until);
  // Also where waiting fails for want of memory.
  struct Registered {
    std::set<asio::steady_timer*>& all;
    asio::steady_timer& own;
    ~Registered() { all.erase(&own); }
  };
  const Registered registered{waiting_, timer};
  waiting_.insert(&timer);
  const Turn::Watch watch(&turn, [&timer] { timer.cancel(); });
  co_await timer.async_wait(as_result);
}

void WaitList::wake() {
  for (asio::steady_timer* const timer : waiting_) timer->cancel();
}

}  // namespace roktcached::upstream
