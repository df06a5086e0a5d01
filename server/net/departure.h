#pragma once

#include <functional>
#include <utility>

namespace roktcached {

/// Tells whoever works for a client that the client has gone. Belongs to the thread of the client's
/// connection.
class Departure {
 public:
  /// Calls an action once, when the client goes, for as long as this lives. Of several for one departure the
  /// last that was made is the first that ends.
  class Watch {
   public:
    /// @param departure  outlives it; null: the client never goes
    /// @param action     called at once where the client has gone already
    Watch(Departure* departure, std::function<void()> action) : departure_(departure) {
      if (departure_ == nullptr) return;
      outer_ = std::exchange(departure_->action_, std::move(action));
      if (departure_->gone_) departure_->run();
    }
    ~Watch() {
      if (departure_ != nullptr) departure_->action_ = std::move(outer_);
    }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    Departure* const departure_;
    std::function<void()> outer_;
  };

  [[nodiscard]] bool gone() const { return gone_; }
  /// The client has gone. Only the first call counts.
  void announce() {
    if (std::exchange(gone_, true)) return;
    run();
  }
  /// For the next request of the connection.
  void reset() { gone_ = false; }

 private:
  void run() {
    if (const auto action = std::exchange(action_, nullptr)) action();
  }

  std::function<void()> action_;
  bool gone_ = false;
};

}  // namespace roktcached
