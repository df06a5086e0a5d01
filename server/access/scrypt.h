#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/secret_hash.h"

namespace roktcached::access {

/// Why a text cannot be a client's secret; empty if it can: 16 to 1024 visible ASCII characters without
/// ':', behind which an API key's secret would begin.
[[nodiscard]] std::optional<std::string_view> why_no_secret(std::string_view text);

/// The hash of a client's secret under a salt of its own.
/// @param log2_n  of what it costs: 14 takes 16 MiB and some 50 ms, and each more doubles both
[[nodiscard]] config::SecretHash hash_secret(std::string_view secret, unsigned log2_n = 14);

/// Whether `secret` is the one that was hashed. As slow as the hash was made to be; in constant time, but for
/// the secret's length.
/// @throws std::bad_alloc if there is no memory for it
[[nodiscard]] bool matches(const config::SecretHash& hash, std::string_view secret);

/// `size` bytes that nobody can guess.
[[nodiscard]] std::string random_bytes(std::size_t size);

}  // namespace roktcached::access
