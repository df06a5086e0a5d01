#pragma once

#include <string>
#include <utility>

#include "core/caching/key.h"

namespace roktcached::caching {

/// Two keys of one hash. XXH3 is no cryptographic hash, and its secret is public. Of 17 to 32 bytes it
/// multiplies the halves of the first 16, each XORed with eight bytes of the secret, and adds the sum of the
/// halves. A half that equals its eight bytes of the secret makes the product zero, whatever the other is;
/// and the other is free to make the sums equal.
inline std::pair<Key, Key> colliding_keys() {
  const std::string rest = "/one/report LATE";  // 16 bytes
  return {Key("\xb8\xfe\x6c\x39\x23\xa4\x4b\xbe"
              "abcdefgh" +
              rest),
          Key("\x9d\x5f\x4f\x71\x91\xe8\x05\x0a\x7c\x01\x81\x2c\xf7\x21\xad\x1c" + rest)};
}

}  // namespace roktcached::caching
