#include "server/process.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace roktcached {
namespace {

/// The state of the process, said on stderr: limits and umask cannot be given back, so all of these run in
/// a child.
[[noreturn]] void say_how_hardened() {
  const auto hardened = harden_process();
  rlimit core{1, 1};
  static_cast<void>(::getrlimit(RLIMIT_CORE, &core));
  const mode_t umask = ::umask(0);
  std::fprintf(stderr, "hardened %d dumpable %d core %llu/%llu umask %o", hardened.has_value() ? 1 : 0,
               ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), static_cast<unsigned long long>(core.rlim_cur),
               static_cast<unsigned long long>(core.rlim_max), umask);
  std::_Exit(0);
}

[[noreturn]] void say_limit_after(std::uint64_t soft, std::uint64_t hard, std::uint64_t wanted) {
  const rlimit before{soft, hard};
  if (::setrlimit(RLIMIT_NOFILE, &before) != 0) std::_Exit(1);
  const auto raised = raise_descriptor_limit(wanted);
  rlimit after{};
  static_cast<void>(::getrlimit(RLIMIT_NOFILE, &after));
  std::fprintf(stderr, "soft %llu of %llu: %s", static_cast<unsigned long long>(after.rlim_cur),
               static_cast<unsigned long long>(hard_descriptor_limit()), raised ? "raised" : "refused");
  std::_Exit(0);
}

TEST(Process, IsNeitherDumpedNorReadNorAreItsFiles) {
  EXPECT_EXIT(say_how_hardened(), testing::ExitedWithCode(0), "hardened 1 dumpable 0 core 0/0 umask 77");
}

TEST(Process, TheLimitOfOpenFilesIsRaisedToWhatIsWanted) {
  EXPECT_EXIT(say_limit_after(64, 300, 200), testing::ExitedWithCode(0), "soft 200 of 300: raised");
}

TEST(Process, TheLimitOfOpenFilesIsNeverLowered) {
  EXPECT_EXIT(say_limit_after(250, 300, 200), testing::ExitedWithCode(0), "soft 250 of 300: raised");
}

TEST(Process, TheLimitOfOpenFilesIsRaisedNoFurtherThanTheHardOne) {
  EXPECT_EXIT(say_limit_after(64, 100, 200), testing::ExitedWithCode(0), "soft 100 of 100: raised");
}

}  // namespace
}  // namespace roktcached
