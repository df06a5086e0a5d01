#pragma once

#include <string>
#include <vector>

#include "core/caching/warm_schedule.h"
#include "core/error.h"

namespace roktcached::proxy {

/// The file that keeps over a restart what was learned of clients' habits: JSON, mode 0600, at most 16 MiB.
/// It holds targets and contents of questions with their dates as placeholders, and no answers. Any thread
/// may call these functions, one at a time for one file. Both may wait for the disk.

/// Beside the cache file; empty if there is none.
[[nodiscard]] std::string learned_file_beside(const std::string& cache_file);

/// @return what it holds; nothing if there is no file. storage_corrupt if it is not what
///         write_learned_file has written, storage_unavailable if it cannot be read or is not ours alone
[[nodiscard]] Result<std::vector<caching::WarmSchedule::Learned>> read_learned_file(const std::string& path);

/// Takes the place of the file at once: a crash leaves the one before.
/// @return storage_unavailable
[[nodiscard]] Result<void> write_learned_file(const std::string& path,
                                              const std::vector<caching::WarmSchedule::Learned>& learned);

}  // namespace roktcached::proxy
