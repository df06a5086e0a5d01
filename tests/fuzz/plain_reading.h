#pragma once

#include "tests/fuzz/wire_readings.h"

namespace roktcached::fuzz {

/// A second reading of the bytes, which shares nothing with ours: slow, of the whole message at once, and as
/// close to the words of RFC 9110 and RFC 9112, and to the bounds of README.md, as can be. It says that a
/// message is not whole also where a part that is not whole yet can no longer be mended.
[[nodiscard]] CacheOutcome plain_reading(const WireMessage& message);

}  // namespace roktcached::fuzz
