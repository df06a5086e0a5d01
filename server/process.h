#pragma once

#include <chrono>
#include <cstdint>

#include "core/error.h"

namespace roktcached {

/// Makes the process one whose memory and files nobody else reads: PR_SET_DUMPABLE 0, so that other processes
/// of the same user can neither ptrace it nor read /proc/PID/mem or its environment, and the kernel writes no
/// core for it; RLIMIT_CORE 0, for a handler of cores that asks nobody; umask 0077, for whatever is made from
/// here on. Before anything secret is read, and before any thread.
/// @return internal, where the kernel refuses; it does not on any Linux that this runs on
[[nodiscard]] Result<void> harden_process();

/// Has malloc give large blocks back to the system when they are freed. Before any thread.
///
/// Bodies are most of what is allocated, and come and go by the megabyte. By default glibc learns from the
/// first large block that is freed: it then keeps blocks of that size, up to 32 MiB, in its arenas, and gives
/// back only what lies at an arena's end. With both thresholds set it learns nothing: a block from 256 KiB on
/// is mapped for itself and unmapped when it is freed. That costs 0.7 ms a MiB where page faults are dear, of
/// misses alone: a hit allocates nothing. malloc_trim from a timer gives as much back, but has held the
/// arenas' locks for a quarter of a second.
void give_large_blocks_back();

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

/// Ends the process with exit code 1 once `time` has passed, whatever its threads do by then: one that waits
/// for a disk that hangs cannot be waited for. Of no effect where the process ends before. Says one line on
/// standard error when it acts. Only the first call counts; takes over SIGALRM.
void end_process_after(std::chrono::seconds time) noexcept;

}  // namespace roktcached
