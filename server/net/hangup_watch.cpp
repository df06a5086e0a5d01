#include "server/net/hangup_watch.h"

namespace roktcached::net {

namespace {

/// poll() tells of POLLERR and POLLHUP unasked.
constexpr short hung_up = POLLRDHUP | POLLHUP | POLLERR;

}  // namespace

HangupWatch::HangupWatch(const boost::asio::any_io_executor& executor, std::chrono::milliseconds interval)
    : timer_(executor), interval_(interval) {}

HangupWatch::Watched::Watched(HangupWatch& watch, int descriptor, Departure& departure)
    : watch_(watch), departure_(departure), place_(watch.watched_.size()) {
  // If memory fails, the two vectors have the same length, and all clients are still in them.
  if (watch.polled_.size() == watch.polled_.capacity()) watch.polled_.reserve(2 * place_ + 16);
  watch.look_later();
  watch.watched_.push_back(this);
  watch.polled_.push_back({.fd = descriptor, .events = POLLRDHUP, .revents = 0});
}

HangupWatch::Watched::~Watched() {
  if (listed_) watch_.remove(*this);
}

void HangupWatch::drain() {
  draining_ = true;
  if (watched_.empty()) timer_.cancel();
}

/// All threads look at the same moments: what one client leaves free is not to be given to another who has
/// left as well.
void HangupWatch::look_later() {
  if (to_look_) return;
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  timer_.expires_at(std::chrono::steady_clock::time_point((now / interval_ + 1) * interval_));
  timer_.async_wait([this](const boost::system::error_code&) { look(); });
  to_look_ = true;
}

/// Goes from the last to the first: an announced client removes itself and others, and the last one takes the
/// place of a removed one. Besides, those that came last wait for the others.
void HangupWatch::look() {
  to_look_ = false;
  if (watched_.empty()) return;
  look_later();  // first: what is announced may throw
  const int count = ::poll(polled_.data(), polled_.size(), 0);
  for (std::size_t i = count > 0 ? watched_.size() : 0; i-- > 0;) {
    if (i >= watched_.size() || (polled_[i].revents & hung_up) == 0) continue;
    Watched& watched = *watched_[i];
    remove(watched);
    watched.departure_.announce();
  }
}

void HangupWatch::remove(Watched& watched) {
  const std::size_t place = watched.place_;
  watched_[place] = watched_.back();
  watched_[place]->place_ = place;
  polled_[place] = polled_.back();
  watched_.pop_back();
  polled_.pop_back();
  watched.listed_ = false;
  if (draining_ && watched_.empty()) timer_.cancel();
}

}  // namespace roktcached::net
