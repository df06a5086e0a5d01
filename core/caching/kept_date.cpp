#include "core/caching/kept_date.h"

namespace roktcached::caching {

void KeptDate::make(WallTime time) {
  const auto text = http::fixed_date(time);
  if (!text) return;
  text_ = *text;
  made_for_ = time;
}

}  // namespace roktcached::caching
