#!/usr/bin/env bash
# Clang's thread safety analysis of every source whose mutexes are annotated (core/mutex.h): what a mutex guards is read and written
# only while it is held. Compiles nothing. First of all it shows that the analysis finds what it is for.
# Usage: tests/thread_safety.sh
set -uo pipefail
cd "$(dirname "$0")/.."
# A coroutine is analysed like any function, and GCC's own headers are read as they are.
analyse=(clang++ -std=c++20 -x c++ -fsyntax-only -I. -Wthread-safety -Werror=thread-safety
  -DBOOST_ASIO_NO_DEPRECATED -DBOOST_ASIO_SEPARATE_COMPILATION -DBOOST_BEAST_SEPARATE_COMPILATION
  -DSPDLOG_COMPILED_LIB -DSPDLOG_FMT_EXTERNAL)

guarded='#include "core/mutex.h"
class Counter {
 public:
  int read() { %s return count_; }
  void wait() { roktcached::UniqueLock lock(mutex_); changed_.wait(lock, [this] { %s return count_ > 0; }); }

 private:
  roktcached::Mutex mutex_;
  roktcached::ConditionVariable changed_;
  int count_ GUARDED_BY(mutex_) = 0;
};'
lock='const roktcached::LockGuard lock(mutex_);' held='mutex_.assert_held();'
fails() {  # fails LOCK HELD: whether the class is refused with these in its two places
  ! printf "$guarded" "$1" "$2" | "${analyse[@]}" - 2>/dev/null
}
if fails "$lock" "$held" || ! fails "" "$held" || ! fails "$lock" ""; then
  echo "thread safety: the analysis does not tell a guarded access from another"
  exit 1
fi

# The sources of a room as one, so that their headers are read once: they are compiled so, too.
mapfile -t sources < <(git grep -l --untracked '"core/mutex.h"' -- 'storage/*' 'server/*' | sed 's/\.h$/.cpp/' | sort -u)
[ ${#sources[@]} -gt 0 ] || { echo "thread safety: no source has an annotated mutex"; exit 1; }
failed=0
for room in storage server; do
  printf '#include "%s"\n' "${sources[@]}" | grep "\"$room/" | "${analyse[@]}" - || failed=1
done
[ $failed -ne 0 ] || echo "thread safety: ${#sources[@]} sources, ok"
exit $failed
