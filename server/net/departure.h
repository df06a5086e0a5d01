#pragma once

#include <functional>
#include <utility>

namespace roktcached {

/// Tells the code that works for a client that the client has gone. Belongs to the thread of the client's
/// connection.
class Departure {
 public:
  /// Calls an action once, when the client goes, for as long as this lives. Several for one departure end in
  /// reverse order of their beginning. All are called, the last one first.
  class Watch {
   public:
    /// @param departure  outlives it; null: the client never goes
    /// @param action     called at once where the client has gone already. May end its own watch
    Watch(Departure* departure, std::function<void()> action)
        : departure_(departure), action_(std::move(action)) {
      if (departure_ == nullptr) return;
      outer_ = std::exchange(departure_->innermost_, this);
      if (departure_->gone_) call();
    }
    ~Watch() {
      if (departure_ != nullptr) departure_->innermost_ = outer_;
    }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    friend class Departure;
    void call() {
      const auto action = std::exchange(action_, nullptr);
      if (action) action();
    }

    Departure* const departure_;
    std::function<void()> action_;  // null once it was called
    Watch* outer_ = nullptr;
  };

  [[nodiscard]] bool gone() const { return gone_; }
  /// The client has gone. Only the first call counts.
  void announce() {
    if (std::exchange(gone_, true)) return;
    for (Watch* watch = innermost_; watch != nullptr;) {
      Watch* const outer = watch->outer_;  // its action may end it
      watch->call();
      watch = outer;
    }
  }
  /// For the next request of the connection.
  void reset() { gone_ = false; }

 private:
  Watch* innermost_ = nullptr;
  bool gone_ = false;
};

}  // namespace roktcached
