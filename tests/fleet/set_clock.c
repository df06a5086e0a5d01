// Preloaded into an engine, whose clock is then as many seconds away from the true one as the file ROKTCACHED_TEST_CLOCK says: a
// number of 8 bytes, read anew each time. The monotonic clock stays the true one. libfaketime cannot do it: it does not go with jemalloc.
// cc -shared -fPIC -O2 -o set_clock.so set_clock.c
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t* seconds_away;

__attribute__((constructor)) static void open_file(void) {
  const char* path = getenv("ROKTCACHED_TEST_CLOCK");
  const int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  void* mapped = file < 0 ? MAP_FAILED : mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) _exit(70);
  seconds_away = mapped;
}

int clock_gettime(clockid_t clock, struct timespec* now) {
  const int result = (int)syscall(SYS_clock_gettime, clock, now);
  if (result == 0 && clock == CLOCK_REALTIME && seconds_away) now->tv_sec += *seconds_away;
  return result;
}

int gettimeofday(struct timeval* restrict now, void* restrict zone) {
  const int result = (int)syscall(SYS_gettimeofday, now, zone);
  if (result == 0 && seconds_away) now->tv_sec += *seconds_away;
  return result;
}

time_t time(time_t* now) {
  struct timespec precise;
  clock_gettime(CLOCK_REALTIME, &precise);
  if (now) *now = precise.tv_sec;
  return precise.tv_sec;
}
