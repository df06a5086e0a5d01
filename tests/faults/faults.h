/* What both preload libraries share: a page of settings that the test changes while the daemon runs, and a
 * die for each thread.
 *
 * $FAULTS_CONTROL names a file of at least sizeof(struct control) bytes; without it nothing fails. The test
 * maps it, too, sets what is to happen and reads what has happened. All of it is little-endian and naturally
 * aligned: proof programs use Python's struct. */
#pragma once
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct control {
  _Atomic uint32_t on;   /* 1: faults happen */
  uint32_t seed;         /* of all dice */
  uint32_t chance;       /* of each operation to fail, in a million */
  uint32_t delay_chance; /* of each operation to be delayed, in a million (files alone) */
  uint32_t delay_ms;     /* the longest delay (files alone) */
  uint32_t kinds; /* bits of the errors that may be given (files alone): 1 EIO, 2 ENOSPC where something is
                     written */
  uint64_t least; /* bytes: a smaller allocation never fails (memory alone) */
  _Atomic uint64_t considered; /* operations while faults were on */
  _Atomic uint64_t failed;     /* of those, how many failed */
  _Atomic uint64_t delayed;    /* of those, how many were delayed */
};

/* Mapped once, by system calls alone: the first allocation of the process comes before anything else works.
 */
static struct control* control(void) {
  static _Atomic(struct control*) mapped;
  static struct control none;
  struct control* found = atomic_load_explicit(&mapped, memory_order_acquire);
  if (found != NULL) return found;
  found = &none;
  const char* path = getenv("FAULTS_CONTROL");
  if (path != NULL) {
    const long file = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    if (file >= 0) {
      void* page = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, (int)file, 0);
      if (page != MAP_FAILED) found = page;
      syscall(SYS_close, file);
    }
  }
  atomic_store_explicit(&mapped, found, memory_order_release);
  return found;
}

/* A number below a million: splitmix64 over the seed and how many were thrown. Which thread throws which
 * number is the scheduler's. */
static uint32_t die(void) {
  static _Atomic uint64_t thrown;
  uint64_t z = ((uint64_t)control()->seed << 32) + 0x9e3779b97f4a7c15ULL * (1 + atomic_fetch_add(&thrown, 1));
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return (uint32_t)((z ^ (z >> 31)) % 1000000);
}

/* Whether this operation is one that fails. */
static int fails(void) {
  struct control* c = control();
  atomic_fetch_add(&c->considered, 1);
  if (die() >= c->chance) return 0;
  atomic_fetch_add(&c->failed, 1);
  return 1;
}
