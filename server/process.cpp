#include "server/process.h"

#include <fmt/format.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <system_error>

#include "server/asio.h"
#include "server/logging.h"

namespace roktcached {

namespace {

Error refused(const char* what, int number) {
  return {ErrorCode::internal, false, fmt::format("{}: {}", what, std::generic_category().message(number))};
}

static_assert(std::atomic<std::int64_t>::is_always_lock_free, "a signal handler reads it");
std::atomic<std::int64_t> ends_at_s{0};  // on the monotonic clock

std::int64_t now_s() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

/// Calls only what a signal handler may (signal-safety(7)).
void end_when_due(int) noexcept {
  if (now_s() < ends_at_s.load()) return;  // somebody else's SIGALRM
  static constexpr std::string_view line =
      "roktcached: the end took too long: a disk hangs, a reader of the log, or the process that this one "
      "has "
      "taken over from; what was queued is lost\n";
  say_without_waiting(line);  // its reader may be what hangs
  ::_exit(EXIT_FAILURE);
}

}  // namespace

Result<void> harden_process() {
  ::umask(S_IRWXG | S_IRWXO);
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return refused("PR_SET_DUMPABLE", errno);
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0) return refused("RLIMIT_CORE", errno);
  return {};
}

void give_large_blocks_back() {
  constexpr int mapped_from = 256 << 10;
  constexpr int kept_at_the_end = 1 << 20;
  ::mallopt(M_MMAP_THRESHOLD, mapped_from);
  ::mallopt(M_TRIM_THRESHOLD, kept_at_the_end);
}

void ignore_harmless_signals() {
  // SIGXFSZ: a write beyond RLIMIT_FSIZE is an error of that write, which the cache file survives.
  for (const int number :
       {SIGPIPE, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSTKFLT, SIGXFSZ})
    std::signal(number, SIG_IGN);
  for (int number = SIGRTMIN; number <= SIGRTMAX; ++number) std::signal(number, SIG_IGN);
}

/// Asio puts the default action back with the last set that a signal is in. So there is one more, which is
/// never destroyed.
void keep_from_ending_by_signals() {
  static asio::io_context context;
  static auto& held = *new asio::signal_set(context, SIGTERM, SIGINT, SIGQUIT);  // reachable: no leak
  for (const int number : {SIGHUP, SIGUSR1}) {
    boost::system::error_code there_already;
    held.add(number, there_already);
  }
}

std::uint64_t hard_descriptor_limit() {
  rlimit limit{};
  // It cannot fail; if it did, no limit would be known.
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : RLIM_INFINITY;
}

Result<void> raise_descriptor_limit(std::uint64_t wanted) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return refused("RLIMIT_NOFILE", errno);
  if (limit.rlim_cur >= wanted) return {};
  limit.rlim_cur = std::min<rlim_t>(wanted, limit.rlim_max);
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return refused("RLIMIT_NOFILE", errno);
  return {};
}

void end_process_after(std::chrono::seconds time) noexcept {
  std::int64_t none = 0;
  if (!ends_at_s.compare_exchange_strong(none, now_s() + time.count())) return;
  struct sigaction action {};
  action.sa_handler = end_when_due;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGALRM, &action, nullptr);
  ::alarm(static_cast<unsigned>(time.count()));
}

}  // namespace roktcached
