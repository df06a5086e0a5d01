#pragma once

#include <chrono>
#include <cstdint>

#include "core/error.h"

namespace roktcached {

/// Hardens the process, so that nobody else reads its memory and files. PR_SET_DUMPABLE 0: other processes of
/// the same user can neither ptrace it nor read /proc/PID/mem or its environment, and the kernel writes no
/// core of it. RLIMIT_CORE 0: for core handlers that do not heed that. umask 0077: for all files that are
/// made from here on. Call it before anything secret is read, and before any thread.
/// @return internal if the kernel refuses, which no Linux that this runs on does
[[nodiscard]] Result<void> harden_process();

/// Has malloc give large blocks back to the system when they are freed. Before any thread.
///
/// Bodies are most of what is allocated, and come and go by the megabyte. By default glibc learns from the
/// first large block that is freed: it then keeps blocks of that size, up to 32 MiB, in its arenas, and gives
/// back only what lies at an arena's end. With both thresholds set it learns nothing: a block from 256 KiB on
/// is mapped for itself and unmapped when it is freed. If page faults are slow, that costs a miss 0.7 ms for
/// each MiB; a hit allocates nothing. malloc_trim from a timer gives as much back, but has held the arenas'
/// locks for a quarter of a second.
void give_large_blocks_back();

/// Ignores signals that mean nothing here, but would end the process, such as nginx's SIGUSR2 or a timer's
/// SIGALRM. SIGUSR1 and SIGHUP are among them until the daemon listens to them: a signal that is sent too
/// early, as by log rotation, must not end the process.
void ignore_harmless_signals();

/// From here on the signals that end a daemon have no effect: it has served, and ends with the exit code of
/// that. To be called before the daemon is destroyed, after which they would kill the process. Only the first
/// call counts.
void keep_from_ending_by_signals();

/// The most open files that raise_descriptor_limit can reach.
[[nodiscard]] std::uint64_t hard_descriptor_limit();

/// Raises the soft limit of open files to `wanted`, or to the hard limit where that is lower; never lowers
/// it.
/// @return internal, where the kernel refuses
[[nodiscard]] Result<void> raise_descriptor_limit(std::uint64_t wanted);

/// Ends the process with exit code 1 once `time` has passed, whatever its threads do then: a thread that
/// waits for a hanging disk cannot be waited for. Of no effect if the process ends before. Says one line on
/// standard error when it acts. Only the first call counts; takes over SIGALRM.
void end_process_after(std::chrono::seconds time) noexcept;

}  // namespace roktcached
