#pragma once

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <utility>

#include "core/time.h"
#include "server/upstream/fair_queue.h"

namespace roktcached::upstream {

/// Who waits for one request to be sent, and until when. Several callers may share its answer; then it goes
/// as soon as any one of them has its turn, and is given up when the last of them has waited long enough: who
/// joins another's request must not wait longer for that than for one of its own. Belongs to the desk's
/// thread.
class Turn {
 public:
  struct Place {
    std::string client;
    Priority priority = Priority::interactive;
    friend bool operator==(const Place&, const Place&) = default;
  };

  /// The request sets out.
  /// @param patience  how long each of those who wait for it does so; all of them together, twice that
  void begin(Place place, SteadyTime now, std::chrono::milliseconds patience) {
    patience_ = patience;
    deadline_ = now + patience;
    last_deadline_ = deadline_ + patience;
    join(std::move(place), now);
  }

  /// Somebody else waits for it, too, before it sets out or after. Who has a place has it for all that it
  /// asks; callers beyond the sixteenth have none of their own.
  void join(Place place, SteadyTime now) {
    const bool known = std::ranges::find(places_, place) != places_.end();
    if (known || places_.size() >= max_places) return;
    places_.push_back(std::move(place));
    deadline_ = std::clamp(now + patience_, deadline_, std::max(deadline_, last_deadline_));
    if (joined) joined(places_.back());
  }

  [[nodiscard]] std::span<const Place> places() const { return {places_.data(), places_.size()}; }
  [[nodiscard]] SteadyTime deadline() const { return deadline_; }

  /// Nobody waits for the answer any more, and it is not worth keeping: the request is not sent, and not sent
  /// again; where it is under way it is broken off.
  void abandon() {
    if (std::exchange(abandoned_, true)) return;
    if (woken) woken();
  }
  [[nodiscard]] bool abandoned() const { return abandoned_; }

  /// Nobody waits for the answer any more, but it is worth keeping: a request that is under way goes on, for
  /// as long as nobody else needs its place; one that is not sent yet, is not, and none is sent again.
  void set_unattended(bool unattended) {
    unattended_ = unattended;
    if (unattended && woken) woken();
  }
  [[nodiscard]] bool unattended() const { return unattended_; }

  /// Called when abandoned() or unattended() becomes true: by whom the request waits, for as long as it does.
  std::function<void()> woken;

  /// Called for each new place while the request waits in the queue; empty else.
  std::function<void(const Place&)> joined;

 private:
  static constexpr std::size_t max_places = 16;

  boost::container::small_vector<Place, 1> places_;  // most have one
  SteadyTime deadline_ = SteadyTime::min();
  SteadyTime last_deadline_ = SteadyTime::min();
  std::chrono::milliseconds patience_{};
  bool abandoned_ = false;
  bool unattended_ = false;
};

}  // namespace roktcached::upstream
