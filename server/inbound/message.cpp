#include "server/inbound/message.h"

#include <array>

namespace roktcached::inbound {

std::string_view to_string(Outcome outcome) {
  static constexpr std::array<std::string_view, outcome_count> names = {
      "hit",    "refreshing_hit", "miss",    "revalidated", "collapsed", "stale_if_error",
      "passed", "local",          "refused", "failed"};
  return names[static_cast<std::size_t>(outcome)];
}

}  // namespace roktcached::inbound
