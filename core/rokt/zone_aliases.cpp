#include "core/rokt/zone_aliases.h"

#include <array>

namespace roktcached::rokt {

namespace {

constexpr auto table = std::to_array<ZoneAlias>({
#include "core/rokt/zone_aliases.inc"
});

}  // namespace

std::span<const ZoneAlias> zone_aliases() {
  return table;
}

}  // namespace roktcached::rokt
