#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace roktcached::config {

/// A client's secret as it is kept: its scrypt hash (RFC 7914) with all that is needed to check a secret
/// against it. A plain value; others do the hashing.
struct SecretHash {
  unsigned log2_n = 14;
  unsigned r = 8;
  unsigned p = 1;
  std::string salt;  ///< bytes, not text
  std::string hash;  ///< bytes, not text

  /// The memory that scrypt takes for it, in bytes.
  [[nodiscard]] std::uint64_t memory() const { return std::uint64_t{128} * r << log2_n; }
  friend bool operator==(const SecretHash&, const SecretHash&) = default;
};

inline constexpr std::string_view accepted_secret_hashes =
    "\"$scrypt$ln=LN,r=R,p=P$SALT$HASH\" as `roktcached hash-secret` prints it; ln 10 to 20, r 1 to 32, p 1 "
    "to "
    "16, at most 256 MiB of memory";

/// Reads a PHC string, "$scrypt$ln=LN,r=R,p=P$SALT$HASH", base64 without padding.
/// @return empty for any other form, and for what would be too weak to keep or too dear to check: ln 10 to
/// 20, r 1 to 32, p 1 to 16, at most 256 MiB of memory, a salt of 8 to 64 bytes, a hash of 32 to 64 bytes
[[nodiscard]] std::optional<SecretHash> parse_secret_hash(std::string_view text);
/// The one text that is read as this hash.
[[nodiscard]] std::string to_string(const SecretHash& hash);

}  // namespace roktcached::config
