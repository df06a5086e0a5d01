#include "server/reloads.h"

#include <utility>

#include "server/asio.h"
#include "server/background.h"

namespace roktcached {

struct Reloads::Waiter {
  explicit Waiter(const asio::any_io_executor& executor) : timer(executor, SteadyTime::max()) {}
  asio::steady_timer timer;  // cancelled when there is a result
  std::optional<ReloadResult> result;
};

Reloads::Reloads(asio::any_io_executor executor, Run run, const Clock& clock)
    : executor_(std::move(executor)), run_(std::move(run)), clock_(clock) {
  status_.last_success = clock_.wall_now();
}

void Reloads::request() {
  if (!under_way_) return begin();
  asked_again_ = true;
}

asio::awaitable<ReloadResult> Reloads::reload() {
  const auto waiter = std::make_shared<Waiter>(executor_);
  next_.push_back(waiter);
  request();
  while (!waiter->result) co_await waiter->timer.async_wait(as_result);
  co_return *waiter->result;
}

void Reloads::begin() {
  waiting_.swap(next_);
  under_way_ = true;
  asked_again_ = false;
  try {
    run_([this](ReloadResult result) { ended(std::move(result)); });
  } catch (const std::exception& exception) {  // memory has failed
    ended({.error = exception.what()});
  }
}

void Reloads::ended(ReloadResult result) {
  under_way_ = false;
  ++(result.succeeded() ? status_.succeeded : status_.failed);
  for (const auto& waiter : std::exchange(waiting_, {})) {
    retry_until_done("telling of a reload", [&] { waiter->result = result; });
    waiter->timer.cancel();
  }
  retry_until_done("noting a reload", [&] {
    status_.last_error = result.error;
    if (!result.succeeded()) return;
    status_.last_success = clock_.wall_now();
    status_.needs_restart = result.needs_restart;
  });
  if (asked_again_) begin();
}

}  // namespace roktcached
