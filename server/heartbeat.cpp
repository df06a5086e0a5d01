#include "server/heartbeat.h"

#include <utility>

#include "server/background.h"

namespace roktcached {

Heartbeat::Heartbeat(const boost::asio::any_io_executor& main,
                     std::vector<boost::asio::any_io_executor> threads, std::chrono::microseconds interval,
                     std::function<void(bool all_move)> looked)
    : timer_(main), interval_(interval), looked_(std::move(looked)) {
  for (auto& executor : threads)
    threads_.push_back({std::move(executor), std::make_shared<std::atomic<bool>>(true)});
}

void Heartbeat::start() {
  look();
  look_later();
}

void Heartbeat::stop() {
  stopped_ = true;
  timer_.cancel();
}

/// A thread that has not answered is not asked again: its answer is still to come.
void Heartbeat::look() {
  bool all_move = true;
  for (const Thread& thread : threads_) {
    if (!thread.moved->exchange(false)) {
      all_move = false;
      continue;
    }
    post_with_retry(thread.executor, [moved = thread.moved] { moved->store(true); });
  }
  looked_(all_move);
}

void Heartbeat::look_later() {
  const auto heard = [this](const boost::system::error_code&) {
    if (stopped_) return;
    look();
    look_later();
  };
  retry_until_done("looking whether threads move", [&] {
    timer_.expires_after(interval_);
    timer_.async_wait(heard);
  });
}

}  // namespace roktcached
