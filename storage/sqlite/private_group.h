#pragma once

#include <sys/types.h>

namespace roktcached::storage {

/// Whether a group is this process's alone, so that nobody else may write what it may. It must be one of our
/// groups. Besides, either the system has no name for it, as for the fsGroup of a pod, or it has our user's
/// name and lists nobody else, as Debian gives each user one. Root's group is nobody's own.
///
/// A group with another name is refused, even if it lists nobody: the system tells who has it as a second
/// group, not who has it as the first one.
[[nodiscard]] bool is_private_group(gid_t group);

}  // namespace roktcached::storage
