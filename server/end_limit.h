#pragma once

#include <chrono>

namespace roktcached {

/// Ends the process with exit code 1 once `time` has passed, whatever its threads do by then: one that waits
/// for a disk that hangs cannot be waited for. Of no effect where the process ends before. Says one line on
/// standard error when it acts. Only the first call counts; takes over SIGALRM.
void end_process_after(std::chrono::seconds time) noexcept;

}  // namespace roktcached
