#pragma once

#include <string_view>

#include "core/http/date.h"
#include "core/time.h"

namespace roktcached::caching {

/// A time as Date says it, made once for the many answers that say it. It knows which time it was made for:
/// in a copy of a response that is given another time, it is not taken for that one's.
class KeptDate {
 public:
  void make(WallTime time);
  /// @return empty where it was not made for `time`
  [[nodiscard]] std::string_view of(WallTime time) const {
    return time == made_for_ ? std::string_view(text_.data(), text_.size()) : std::string_view();
  }

 private:
  http::FixedDate text_{};
  WallTime made_for_ = WallTime::min();
};

}  // namespace roktcached::caching
