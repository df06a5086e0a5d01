#include "server/net/deadline.h"

#include <time.h>

#include <boost/asio/steady_timer.hpp>

#include "server/background.h"

namespace roktcached {

using Steady = std::chrono::steady_clock;

namespace {

constexpr std::chrono::milliseconds repeat_after{100};

}  // namespace

struct Deadline::State : std::enable_shared_from_this<Deadline::State> {
  State(const boost::asio::any_io_executor& executor, std::function<void()> on_expiry)
      : timer(executor), interrupt(std::move(on_expiry)) {}

  /// If there is no memory for the timer, there is no deadline either, until the next one is set.
  void arm() {
    armed_for = Steady::time_point::max();
    timer.expires_at(due);
    timer.async_wait([weak = weak_from_this(), generation = ++armed](const boost::system::error_code&) {
      if (const auto self = weak.lock()) self->fired(generation);
    });
    armed_for = due;
  }
  [[nodiscard]] bool could_arm() noexcept {
    try {
      arm();
      return true;
    } catch (...) {
      log_failure("setting a deadline", std::current_exception());
      return false;
    }
  }

  void fired(unsigned generation) {
    if (generation != armed) return;
    armed_for = Steady::time_point::max();
    if (due == Steady::time_point::max()) return;
    // An operation that can be watched no longer is interrupted at once: else it might wait for ever.
    if (Steady::now() < due && could_arm()) return;
    expired = true;
    // An interruption finds nothing to interrupt in the moment in which an operation has ended and the next
    // has not begun. So there is another one, until somebody has heard of it.
    due = Steady::now() + repeat_after;
    (void)could_arm();
    interrupt();
  }

  boost::asio::steady_timer timer;
  std::function<void()> interrupt;
  Steady::time_point due = Steady::time_point::max();
  Steady::time_point armed_for = Steady::time_point::max();
  unsigned armed = 0;
  bool expired = false;
};

Steady::time_point Deadline::now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
  return Steady::time_point(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

Deadline::Deadline(const boost::asio::any_io_executor& executor, std::function<void()> interrupt)
    : executor_(executor), interrupt_(std::move(interrupt)) {}

Deadline::~Deadline() {
  if (!state_) return;
  // Only a completed wait in the executor's queue may still hold the state: it must find nothing to do.
  state_->due = Steady::time_point::max();
  ++state_->armed;
  state_->interrupt = nullptr;
  state_->timer.cancel();
}

Deadline::State& Deadline::state() {
  if (!state_) state_ = std::make_shared<State>(executor_, std::move(interrupt_));
  return *state_;
}

void Deadline::expires_after(std::chrono::milliseconds timeout) {
  expires_at(now() + timeout);
}

void Deadline::expires_at(Steady::time_point due) {
  State& state = this->state();
  state.expired = false;
  state.due = due;
  if (due < state.armed_for) state.arm();
}

void Deadline::clear() {
  if (!state_) return;
  state_->due = Steady::time_point::max();
  state_->expired = false;
}

bool Deadline::expired() const {
  return state_ && state_->expired;
}

}  // namespace roktcached
