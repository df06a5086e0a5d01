#pragma once

#include <string>

#include "config/secret.h"
#include "core/error.h"

namespace roktcached::access {

/// The bytes of a master key for local tokens.
inline constexpr std::size_t token_key_size = 32;

/// A master key that lasts as long as the process.
[[nodiscard]] config::Secret random_token_key();

/// The master key that is kept in the file at `path`, which is made, with mode 0600, where there is none. Of
/// several processes that start at once all get the same key. Calls the file system, so it is for the start.
/// One that is there may be mounted, and so may be root's, or a link; see config::read_private_file.
/// @return configuration where the file is not a private one, or is not of 32 bytes, or cannot be made;
/// nothing is changed then
[[nodiscard]] Result<config::Secret> load_or_make_token_key(const std::string& path);

/// Refuses what load_or_make_token_key would refuse, and makes nothing.
/// @param made_before  a folder that will be there by then
[[nodiscard]] Result<void> check_token_key(const std::string& path, const std::string& made_before);

}  // namespace roktcached::access
