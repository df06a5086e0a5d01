#include "server/room.h"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include "server/asio.h"

namespace roktcached {

namespace {

/// To cut a connection takes less, unless its thread is busy.
constexpr std::chrono::milliseconds moment{10};

}  // namespace

asio::awaitable<bool> wait_for_room(storage::BodyAccount::Growing& growing, std::size_t bytes) {
  using Room = storage::BodyAccount::Room;
  Room room = growing.ask(bytes);
  for (int waits = 0; room == Room::soon && waits < waits_for_way_max; ++waits) {
    co_await wait_for_way();
    room = growing.ask(bytes);
  }
  co_return room == Room::there;
}

asio::awaitable<void> wait_for_way() {
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, moment);
  co_await timer.async_wait(as_result);
}

Error no_room() {
  return {ErrorCode::overloaded, true,
          "answers that clients have not taken yet leave no room in memory for another (cache.max_transient)",
          ErrorSource::upstream};
}

}  // namespace roktcached
