#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/secret.h"
#include "core/error.h"

namespace roktcached::config {

/// Reads a file that holds a secret, whole. Refuses a file that others could read or write, or that neither
/// we nor root own; see why_not_private. Follows links, as Kubernetes makes them. Refuses a pipe or a device
/// at once. Safe from any thread.
/// @param max  bytes; a longer file is refused
/// @return configuration, with the path and the reason, never what is in the file
[[nodiscard]] Result<Secret> read_private_file(const std::string& path, std::size_t max);

/// The same for a file in a folder that is guarded as a whole, as systemd guards that of its credentials:
/// mode and owner of the file say nothing there.
[[nodiscard]] Result<Secret> read_guarded_file(const std::string& path, std::size_t max);

/// Refuses a path at which there is no regular file to read. For files that OpenSSL reads, which would wait
/// for a pipe.
/// @return configuration, with the path and the reason
[[nodiscard]] Result<void> check_readable_file(const std::string& path);

/// A file's owner, group and permissions.
struct FileAccess {
  std::uint32_t mode = 0;
  std::uint32_t owner = 0;
  std::uint32_t group = 0;
  /// Whether it lies where a container's secrets are mounted: below /run/secrets or /var/run/secrets, in
  /// folders of root's that nobody else can exchange it in.
  bool is_mounted_secret = false;
};

/// A process's user and groups.
struct Identity {
  std::uint32_t user = 0;
  std::vector<std::uint32_t> groups;
};

/// Our own: the effective ones, and the supplementary groups.
[[nodiscard]] Identity process_identity();

/// Why a file is not private; empty: it is. A private file belongs to root or to our user. Nobody else can
/// write it, and nobody can read it but its owner, and its group if we are in that group (Kubernetes mounts
/// root:fsGroup 0440). A mounted secret may be readable by all (Docker mounts 0444), since the container
/// keeps others out.
[[nodiscard]] std::optional<std::string> why_not_private(const FileAccess& file, const Identity& self);

/// The text of a file as an editor means it: without the UTF-8 byte order mark that editors on Windows write.
[[nodiscard]] std::string_view without_byte_order_mark(std::string_view text);

}  // namespace roktcached::config
