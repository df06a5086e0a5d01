#pragma once

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <utility>

#include "core/time.h"
#include "server/upstream/limit/fair_queue.h"

namespace roktcached::upstream {

/// The callers that wait for one request to be sent, and until when. Several callers may share its answer.
/// Then the request goes as soon as any of them has its turn, and it is given up when the last of them has
/// waited long enough: a caller that joins another's request must not wait longer than it would for its own.
/// A Turn also tells whether anybody still waits: when nobody does, the waits of the request end. Belongs to
/// the upstream thread.
class Turn {
 public:
  struct Place {
    std::string client;
    Priority priority = Priority::interactive;
    friend bool operator==(const Place&, const Place&) = default;
  };

  /// The request begins its way.
  /// @param patience  how long each of the callers waits for it; all of them together wait twice that
  void begin(Place place, SteadyTime now, std::chrono::milliseconds patience) {
    patience_ = patience;
    deadline_ = now + patience;
    last_deadline_ = deadline_ + patience;
    add(std::move(place), now);
  }

  /// Another caller waits for it, too, before or after it was sent; it is attended then. A caller with a
  /// place has that for all that it asks. Callers beyond the sixteenth have no place of their own.
  void join(Place place, SteadyTime now) {
    unattended_ = false;
    add(std::move(place), now);
  }

  [[nodiscard]] std::span<const Place> places() const { return {places_.data(), places_.size()}; }
  /// Until when the request may wait to be sent: for token, turn and connection, and before retries.
  [[nodiscard]] SteadyTime deadline() const { return deadline_; }
  /// Whether a client has asked, and not a refresh alone.
  [[nodiscard]] bool is_interactive() const {
    return std::ranges::find(places_, Priority::interactive, &Place::priority) != places_.end();
  }

  /// Nobody waits for the answer any more, and it is not worth keeping. The request is not sent, and not sent
  /// again; if it is under way, it is broken off. This is for good: a later caller needs another request.
  void abandon() {
    if (std::exchange(abandoned_, true)) return;
    if (woken) woken();
  }
  [[nodiscard]] bool abandoned() const { return abandoned_; }

  /// Nobody waits for the answer any more, but it is worth keeping. A request that is under way goes on until
  /// somebody else needs its place, and is abandoned then. One that was not sent yet is not sent, and none is
  /// sent again.
  void set_unattended(bool unattended) {
    unattended_ = unattended;
    if (unattended && woken) woken();
  }
  [[nodiscard]] bool unattended() const { return unattended_; }

  /// The request must begin its way again, unless it is under way: another one may be asking the same now.
  void recall() {
    recalled_ = true;
    if (woken) woken();
  }
  [[nodiscard]] bool recalled() const { return recalled_; }
  /// It begins anew.
  void resume() { recalled_ = false; }

  [[nodiscard]] bool under_way() const { return under_way_; }

  /// Whether all waits of the request must end: it is abandoned, or it is unattended or recalled and not
  /// under way.
  [[nodiscard]] bool unwanted() const { return abandoned_ || ((unattended_ || recalled_) && !under_way_); }

  /// Called when abandoned(), unattended() or recalled() becomes true. See Watch.
  std::function<void()> woken;

  /// Called for each new place while the request waits in the queue; empty else.
  std::function<void(const Place&)> joined;

  /// Called once, when the request is about to be sent; empty else.
  std::function<void()> sets_out;

  /// Calls an action whenever abandoned() or unattended() becomes true, for as long as this lives. Several
  /// for one turn end in reverse order of their beginning. All are called, the last one first.
  class Watch {
   public:
    /// @param turn    outlives it; null: nothing is ever called
    /// @param action  ends no watch before it returns
    Watch(Turn* turn, std::function<void()> action) : turn_(turn), action_(std::move(action)) {
      if (turn_ != nullptr) outer_ = std::exchange(turn_->woken, [this] { run(); });
    }
    ~Watch() {
      if (turn_ != nullptr) turn_->woken = std::move(outer_);
    }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    void run() {
      action_();
      if (outer_) outer_();
    }

    Turn* const turn_;
    const std::function<void()> action_;
    std::function<void()> outer_;
  };

  /// The request is under way, for as long as this lives.
  class UnderWay {
   public:
    /// @param turn  outlives it; may be null
    explicit UnderWay(Turn* turn) : turn_(turn) {
      if (turn_ == nullptr) return;
      turn_->under_way_ = true;
      if (const auto action = std::exchange(turn_->sets_out, nullptr)) action();
    }
    ~UnderWay() {
      if (turn_ != nullptr) turn_->under_way_ = false;
    }
    UnderWay(const UnderWay&) = delete;
    UnderWay& operator=(const UnderWay&) = delete;

   private:
    Turn* const turn_;
  };

 private:
  static constexpr std::size_t max_places = 16;

  void add(Place place, SteadyTime now) {
    const bool known = std::ranges::find(places_, place) != places_.end();
    if (known || places_.size() >= max_places) return;
    places_.push_back(std::move(place));
    deadline_ = std::clamp(now + patience_, deadline_, std::max(deadline_, last_deadline_));
    if (joined) joined(places_.back());
  }

  boost::container::small_vector<Place, 1> places_;  // most have one
  SteadyTime deadline_ = SteadyTime::min();
  SteadyTime last_deadline_ = SteadyTime::min();
  std::chrono::milliseconds patience_{};
  bool abandoned_ = false;
  bool unattended_ = false;
  bool recalled_ = false;
  bool under_way_ = false;
};

}  // namespace roktcached::upstream
