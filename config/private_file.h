#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "config/secret.h"
#include "core/error.h"

namespace roktcached::config {

/// Reads a file that holds a secret, whole. Refused is one that group or others have any access to, or that
/// neither we nor root own: somebody else could read it, or put another in its place. Links are followed; a
/// pipe or a device is refused at once. Safe from any thread.
/// @param max  bytes; a longer file is refused
/// @return configuration, with the path and the reason, never what is in the file
[[nodiscard]] Result<Secret> read_private_file(const std::string& path, std::size_t max);

/// The same for a file in a folder that is guarded as a whole, as systemd guards that of its credentials:
/// mode and owner of the file say nothing there.
[[nodiscard]] Result<Secret> read_guarded_file(const std::string& path, std::size_t max);

/// Why a file is not private; empty where it is.
/// @param mode  its permissions
/// @param self  the user that we are
[[nodiscard]] std::optional<std::string> why_not_private(std::uint32_t mode, std::uint32_t owner,
                                                         std::uint32_t self);

}  // namespace roktcached::config
