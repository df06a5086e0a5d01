#pragma once

#include <string>

#include "config/secret.h"
#include "core/error.h"

namespace roktcached::access {

/// The bytes of a master key for local tokens.
inline constexpr std::size_t token_key_size = 32;

/// A master key that lasts as long as the process.
[[nodiscard]] config::Secret random_token_key();

/// The master key from the file at `path`. If there is no file, one is made, with mode 0600; several
/// processes that start at once all get the same key. A file that is there may be mounted, so it may be
/// root's, or a link; see config::read_private_file. Calls the file system, so it is for the start.
/// @return configuration if the file is not private, does not have 32 bytes, or cannot be made; nothing is
///          changed then
[[nodiscard]] Result<config::Secret> load_or_make_token_key(const std::string& path);

/// Refuses what load_or_make_token_key would refuse, and makes nothing.
/// @param made_before  a folder that will be there by then
[[nodiscard]] Result<void> check_token_key(const std::string& path, const std::string& made_before);

}  // namespace roktcached::access
