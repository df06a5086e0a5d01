#include "server/process.h"

#include <fmt/format.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <system_error>

namespace roktcached {

namespace {

Error refused(const char* what, int number) {
  return {ErrorCode::internal, ErrorSource::config, false,
          fmt::format("{}: {}", what, std::generic_category().message(number))};
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

}  // namespace roktcached
