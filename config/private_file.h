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

/// Reads a file that holds a secret, whole. Refused is one that others could read or write, or that neither
/// we nor root own; see why_not_private. Links are followed, as Kubernetes makes them; a pipe or a device is
/// refused at once. Safe from any thread.
/// @param max  bytes; a longer file is refused
/// @return configuration, with the path and the reason, never what is in the file
[[nodiscard]] Result<Secret> read_private_file(const std::string& path, std::size_t max);

/// The same for a file in a folder that is guarded as a whole, as systemd guards that of its credentials:
/// mode and owner of the file say nothing there.
[[nodiscard]] Result<Secret> read_guarded_file(const std::string& path, std::size_t max);

/// Refuses a path that no regular file can be read at, as what is given to OpenSSL, which would wait for a
/// pipe.
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

/// Why a file is not private; empty where it is. Private is a file of root's or of our own that nobody else
/// can write, and that nobody reads but its owner, and its group where that is one of ours (Kubernetes mounts
/// root:fsGroup 0440). A mounted secret may be readable by all (Docker mounts 0444): the container is what
/// keeps others out there.
[[nodiscard]] std::optional<std::string> why_not_private(const FileAccess& file, const Identity& self);

/// The text of a file as an editor means it: without the UTF-8 byte order mark that editors on Windows write.
[[nodiscard]] std::string_view without_byte_order_mark(std::string_view text);

}  // namespace roktcached::config
