#include "server/net/idle_poller.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <system_error>

namespace roktcached::net {

namespace asio = boost::asio;

namespace {

/// As many as are woken before the others of the thread have their turn.
constexpr int told_at_once = 64;
/// So many at once tell that more are to come: then it costs less to look again than to be told.
constexpr int busy = 4;
/// So many at once tell that the thread is slower than those who ask: only then does it pay to keep somebody
/// waiting for others.
constexpr std::size_t lagging = 32;

constexpr std::uint32_t readable = EPOLLIN | EPOLLRDHUP | EPOLLPRI;
/// The events that a read which took all that there was has not shown.
constexpr std::uint32_t beyond_reading = EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI;

int make_epoll() {
  const int descriptor = ::epoll_create1(EPOLL_CLOEXEC);
  if (descriptor < 0) throw std::system_error(errno, std::system_category(), "epoll_create1");
  return descriptor;
}

}  // namespace

IdlePoller::IdlePoller(const asio::any_io_executor& executor) : epoll_(executor, make_epoll()) {}

/// The epoll set reports edges, not levels, so that a connection that is awake is not reported again and
/// again. EPOLL_CTL_MOD raises anew an edge that came while the connection was awake, or before all was read.
void IdlePoller::watch(int descriptor, IdleConnection& idle, bool drained) {
  if (!idle.known_ || !drained || idle.missed_) {
    epoll_event event{};
    event.events = readable | EPOLLET;
    event.data.ptr = &idle;
    const int operation = idle.known_ ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (::epoll_ctl(epoll_.native_handle(), operation, descriptor, &event) != 0)
      throw std::system_error(errno, std::system_category(), "epoll_ctl");
    idle.known_ = true;
    idle.missed_ = false;
  }
  idle.asleep_ = true;
  ++asleep_;
  look_when_something_comes();
}

bool IdlePoller::put_off(IdleConnection& idle) {
  if (!lags_ || left_in_row_ == 0 || put_off_count_ == put_off_.size()) return false;
  put_off_[put_off_count_++] = &idle;
  return true;
}

void IdlePoller::forget(IdleConnection& idle) {
  std::replace(put_off_.begin(), put_off_.end(), &idle, static_cast<IdleConnection*>(nullptr));
  for (epoll_event& event : told_) {
    if (event.data.ptr == &idle) event.data.ptr = nullptr;
  }
  if (!idle.asleep_) return;
  idle.asleep_ = false;
  if (--asleep_ == 0) epoll_.cancel();  // else it would keep the executor running
}

void IdlePoller::look_when_something_comes() {
  if (to_look_) return;
  epoll_.async_wait(asio::posix::descriptor_base::wait_read,
                    [this](const boost::system::error_code&) { look(); });
  to_look_ = true;
}

void IdlePoller::look_again() {
  if (asleep_ > 0) look_when_something_comes();
}

void IdlePoller::look() {
  try {
    tell_and_look_on();
  } catch (...) {  // see look_again()
    told_ = {};
    to_look_ = false;
    throw;
  }
}

void IdlePoller::tell_and_look_on() {
  std::array<epoll_event, told_at_once> events;
  const int count = ::epoll_wait(epoll_.native_handle(), events.data(), told_at_once, 0);
  told_ = {events.data(), static_cast<std::size_t>(std::max(count, 0))};
  lags_ = told_.size() >= lagging;
  while (!told_.empty()) wake_row();
  if (asleep_ > 0 && count >= busy) return asio::post(epoll_.get_executor(), [this] { look(); });
  to_look_ = false;
  if (asleep_ > 0) look_when_something_comes();
}

/// A connection that is resumed cannot be put off again: the row is over then.
void IdlePoller::wake_row() {
  left_in_row_ = std::min(told_.size(), row);
  while (left_in_row_ > 0) {
    const epoll_event event = told_.front();
    told_ = told_.subspan(1);
    --left_in_row_;
    if (event.data.ptr != nullptr) tell(event);
  }
  for (std::size_t i = 0; i < put_off_count_; ++i) {
    if (put_off_[i] != nullptr) put_off_[i]->resumed();
  }
  put_off_count_ = 0;
}

void IdlePoller::tell(const epoll_event& event) {
  auto& idle = *static_cast<IdleConnection*>(event.data.ptr);
  idle.missed_ = !idle.asleep_ || (event.events & beyond_reading) != 0;
  if (!idle.asleep_) return;
  idle.asleep_ = false;
  --asleep_;
  idle.woken();
}

}  // namespace roktcached::net
