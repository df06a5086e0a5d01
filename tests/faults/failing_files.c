/* A preload library that lets file operations below $FAULTS_FOLDER fail, or take long, with given chances,
 * while the test says so.
 *
 * A file belongs to the folder by the path with which it was opened. What fails has not happened: no byte was
 * read or written. Closing and locks work always, and so does all that goes through a mapping. */
#include "faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { files_most = 65536 };
static _Atomic unsigned char watched[files_most]; /* 1: a file below the folder */

static int below(const char* path) {
  static const char* folder;
  if (folder == NULL && (folder = getenv("FAULTS_FOLDER")) == NULL) folder = "";
  const size_t length = strlen(folder);
  return length > 0 && path != NULL && strncmp(path, folder, length) == 0 &&
         (path[length] == '/' || path[length] == '\0');
}

static int is_watched(int file) {
  return file >= 0 && file < files_most && watched[file];
}

static void delay(struct control* c) {
  if (die() >= c->delay_chance) return;
  atomic_fetch_add(&c->delayed, 1);
  const uint64_t ms = (uint64_t)c->delay_ms * (1 + die()) / 1000000;
  const struct timespec time = {(time_t)(ms / 1000), (long)(ms % 1000 * 1000000)};
  nanosleep(&time, NULL);
}

/* Whether the operation fails; errno says how. */
static int fault(int writes) {
  struct control* c = control();
  if (!atomic_load_explicit(&c->on, memory_order_relaxed)) return 0;
  delay(c);
  if (!writes && !(c->kinds & 1)) return 0;
  if (!fails()) return 0;
  const int full = writes && (c->kinds & 2) && (!(c->kinds & 1) || die() < 500000);
  errno = full ? ENOSPC : EIO;
  return 1;
}

/* That of the same name which would be called without this library. */
#define NEXT(name)               \
  static __typeof__(&name) next; \
  if (next == NULL) *(void**)&next = dlsym(RTLD_NEXT, #name)

#define OPEN(name, declared, called)                                         \
  int name declared {                                                        \
    NEXT(name);                                                              \
    mode_t mode = 0;                                                         \
    if (flags & (O_CREAT | __O_TMPFILE)) {                                   \
      va_list rest;                                                          \
      va_start(rest, flags);                                                 \
      mode = va_arg(rest, mode_t);                                           \
      va_end(rest);                                                          \
    }                                                                        \
    const int ours = below(path);                                            \
    if (ours && fault((flags & O_ACCMODE) != O_RDONLY)) return -1;           \
    const int file = next called;                                            \
    if (file >= 0 && file < files_most) watched[file] = (unsigned char)ours; \
    return file;                                                             \
  }

OPEN(open, (const char* path, int flags, ...), (path, flags, mode))
OPEN(open64, (const char* path, int flags, ...), (path, flags, mode))
OPEN(openat, (int folder, const char* path, int flags, ...), (folder, path, flags, mode))
OPEN(openat64, (int folder, const char* path, int flags, ...), (folder, path, flags, mode))

int close(int file) {
  NEXT(close);
  if (file >= 0 && file < files_most) watched[file] = 0;
  return next(file);
}

/* On a file that is open: whether it writes, its parameters, and what is passed on. */
#define ON_FILE(result, name, writes, declared, called) \
  result name declared {                                \
    NEXT(name);                                         \
    if (is_watched(file) && fault(writes)) return -1;   \
    return next called;                                 \
  }

ON_FILE(ssize_t, read, 0, (int file, void* data, size_t size), (file, data, size))
ON_FILE(ssize_t, pread, 0, (int file, void* data, size_t size, off_t at), (file, data, size, at))
ON_FILE(ssize_t, pread64, 0, (int file, void* data, size_t size, off64_t at), (file, data, size, at))
ON_FILE(ssize_t, write, 1, (int file, const void* data, size_t size), (file, data, size))
ON_FILE(ssize_t, pwrite, 1, (int file, const void* data, size_t size, off_t at), (file, data, size, at))
ON_FILE(ssize_t, pwrite64, 1, (int file, const void* data, size_t size, off64_t at), (file, data, size, at))
ON_FILE(int, fsync, 1, (int file), (file))
ON_FILE(int, fdatasync, 1, (int file), (file))
ON_FILE(int, ftruncate, 0, (int file, off_t size), (file, size))
ON_FILE(int, ftruncate64, 0, (int file, off64_t size), (file, size))
ON_FILE(int, fallocate, 1, (int file, int mode, off_t at, off_t size), (file, mode, at, size))
ON_FILE(int, fallocate64, 1, (int file, int mode, off64_t at, off64_t size), (file, mode, at, size))
ON_FILE(int, fstat, 0, (int file, struct stat* status), (file, status))
ON_FILE(int, fstat64, 0, (int file, struct stat64* status), (file, status))

/* posix_fallocate() gives its error, and leaves errno alone. */
int posix_fallocate(int file, off_t at, off_t size) {
  NEXT(posix_fallocate);
  return is_watched(file) && fault(1) ? errno : next(file, at, size);
}

#define ON_PATH(name, declared, called)     \
  int name declared {                       \
    NEXT(name);                             \
    if (below(path) && fault(0)) return -1; \
    return next called;                     \
  }

ON_PATH(unlink, (const char* path), (path))
ON_PATH(rename, (const char* path, const char* to), (path, to))
ON_PATH(stat, (const char* path, struct stat* status), (path, status))
ON_PATH(stat64, (const char* path, struct stat64* status), (path, status))
ON_PATH(lstat, (const char* path, struct stat* status), (path, status))
ON_PATH(lstat64, (const char* path, struct stat64* status), (path, status))
ON_PATH(access, (const char* path, int how), (path, how))
