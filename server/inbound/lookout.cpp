#include "server/inbound/lookout.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <system_error>

namespace roktcached::inbound {

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
/// What a read that took all that there was has not shown.
constexpr std::uint32_t beyond_reading = EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI;

int make_epoll() {
  const int descriptor = ::epoll_create1(EPOLL_CLOEXEC);
  if (descriptor < 0) throw std::system_error(errno, std::system_category(), "epoll_create1");
  return descriptor;
}

}  // namespace

Lookout::Lookout(const asio::any_io_executor& executor) : epoll_(executor, make_epoll()) {}

/// Edges are told, not levels: whoever is awake is not told again and again. An edge that came while it was
/// awake, or before all was read, is raised anew by EPOLL_CTL_MOD.
void Lookout::watch(int descriptor, Sleeper& sleeper, bool drained) {
  if (!sleeper.known_ || !drained || sleeper.missed_) {
    epoll_event event{};
    event.events = readable | EPOLLET;
    event.data.ptr = &sleeper;
    const int operation = sleeper.known_ ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (::epoll_ctl(epoll_.native_handle(), operation, descriptor, &event) != 0)
      throw std::system_error(errno, std::system_category(), "epoll_ctl");
    sleeper.known_ = true;
    sleeper.missed_ = false;
  }
  sleeper.asleep_ = true;
  ++asleep_;
  look_when_something_comes();
}

bool Lookout::put_off(Sleeper& sleeper) {
  if (!lags_ || left_in_row_ == 0 || put_off_count_ == put_off_.size()) return false;
  put_off_[put_off_count_++] = &sleeper;
  return true;
}

void Lookout::forget(Sleeper& sleeper) {
  std::replace(put_off_.begin(), put_off_.end(), &sleeper, static_cast<Sleeper*>(nullptr));
  for (epoll_event& event : told_) {
    if (event.data.ptr == &sleeper) event.data.ptr = nullptr;
  }
  if (!sleeper.asleep_) return;
  sleeper.asleep_ = false;
  if (--asleep_ == 0) epoll_.cancel();  // else it would keep the executor running
}

void Lookout::look_when_something_comes() {
  if (to_look_) return;
  epoll_.async_wait(asio::posix::descriptor_base::wait_read,
                    [this](const boost::system::error_code&) { look(); });
  to_look_ = true;
}

void Lookout::look_again() {
  if (asleep_ > 0) look_when_something_comes();
}

void Lookout::look() {
  try {
    tell_and_look_on();
  } catch (...) {  // see look_again()
    told_ = {};
    to_look_ = false;
    throw;
  }
}

void Lookout::tell_and_look_on() {
  std::array<epoll_event, told_at_once> events;
  const int count = ::epoll_wait(epoll_.native_handle(), events.data(), told_at_once, 0);
  told_ = {events.data(), static_cast<std::size_t>(std::max(count, 0))};
  lags_ = told_.size() >= lagging;
  while (!told_.empty()) wake_row();
  if (asleep_ > 0 && count >= busy) return asio::post(epoll_.get_executor(), [this] { look(); });
  to_look_ = false;
  if (asleep_ > 0) look_when_something_comes();
}

/// Nobody is put off while those are resumed that were: the row is over then.
void Lookout::wake_row() {
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

void Lookout::tell(const epoll_event& event) {
  auto& sleeper = *static_cast<Sleeper*>(event.data.ptr);
  sleeper.missed_ = !sleeper.asleep_ || (event.events & beyond_reading) != 0;
  if (!sleeper.asleep_) return;
  sleeper.asleep_ = false;
  --asleep_;
  sleeper.woken();
}

}  // namespace roktcached::inbound
