#include "core/caching/kept_date.h"

#include <algorithm>

#include "core/http/date.h"

namespace roktcached::caching {

void KeptDate::make(WallTime time) {
  const std::string text = http::format_date(time);
  if (text.size() != text_.size()) return;  // a year of five digits
  std::ranges::copy(text, text_.begin());
  made_for_ = time;
}

}  // namespace roktcached::caching
