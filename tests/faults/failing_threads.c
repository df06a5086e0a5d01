/* A preload library that gives a process $THREADS_MOST threads beside its first one, and then no more, as a
 * bound on tasks does. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

typedef int create_function(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*begin)(void*),
                   void* argument) {
  static _Atomic int begun;
  if (atomic_fetch_add(&begun, 1) >= atoi(getenv("THREADS_MOST"))) return EAGAIN;
  create_function* const real = (create_function*)dlsym(RTLD_NEXT, "pthread_create");
  return real(thread, attributes, begin, argument);
}
