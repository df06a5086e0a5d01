#pragma once

#include <cstdint>

#include "core/error.h"

namespace roktcached {

/// Makes the process one whose memory and files nobody else reads: PR_SET_DUMPABLE 0, so that other processes
/// of the same user can neither ptrace it nor read /proc/PID/mem or its environment, and the kernel writes no
/// core for it; RLIMIT_CORE 0, for a handler of cores that asks nobody; umask 0077, for whatever is made from
/// here on. Before anything secret is read, and before any thread.
/// @return internal, where the kernel refuses; it does not on any Linux that this runs on
[[nodiscard]] Result<void> harden_process();

/// Ignores the signals that others send to daemons and that mean nothing here, but would end the process:
/// nginx's SIGUSR2, timers' SIGALRM and their kin. SIGUSR1 and SIGHUP are among them until the daemon listens
/// to them. A signal that is sent too early, as by log rotation, must not end the process.
void ignore_harmless_signals();

/// The most open files that raise_descriptor_limit can reach.
[[nodiscard]] std::uint64_t hard_descriptor_limit();

/// Raises the soft limit of open files to `wanted`, or to the hard limit where that is lower; never lowers
/// it.
/// @return internal, where the kernel refuses
[[nodiscard]] Result<void> raise_descriptor_limit(std::uint64_t wanted);

}  // namespace roktcached
