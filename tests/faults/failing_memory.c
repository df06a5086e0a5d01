/* A preload library that lets allocations fail: each of at least `least` bytes, with a given chance, while
 * the test says so.
 *
 * The next allocator in line does the work, whichever it is, and frees what it gave: free() is not touched
 * but for what was given out before that allocator was found. operator new of libstdc++ calls malloc and
 * throws std::bad_alloc where that gives nothing. */
#include "faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

static void* (*next_malloc)(size_t);
static void* (*next_calloc)(size_t, size_t);
static void* (*next_realloc)(void*, size_t);
static void* (*next_aligned_alloc)(size_t, size_t);
static int (*next_posix_memalign)(void**, size_t, size_t);
static void* (*next_memalign)(size_t, size_t);
static void (*next_free)(void*);

/* dlsym() may allocate before it has told where malloc() is. */
static _Alignas(64) char early[16384];
static size_t early_used;
static _Atomic int finding;

static int is_early(const void* p) {
  return (const char*)p >= early && (const char*)p < early + sizeof(early);
}

static void* give_early(size_t size) {
  const size_t at = (early_used + 63) / 64 * 64;
  if (size > sizeof(early) - at) return NULL;
  early_used = at + size;
  return early + at;
}

static void find(void) {
  atomic_store(&finding, 1);
  *(void**)&next_calloc = dlsym(RTLD_NEXT, "calloc");
  *(void**)&next_realloc = dlsym(RTLD_NEXT, "realloc");
  *(void**)&next_aligned_alloc = dlsym(RTLD_NEXT, "aligned_alloc");
  *(void**)&next_posix_memalign = dlsym(RTLD_NEXT, "posix_memalign");
  *(void**)&next_memalign = dlsym(RTLD_NEXT, "memalign");
  *(void**)&next_free = dlsym(RTLD_NEXT, "free");
  *(void**)&next_malloc = dlsym(RTLD_NEXT, "malloc");
  atomic_store(&finding, 0);
}

/* The first allocation comes before the process has a second thread. */
static int found(void) {
  if (next_malloc == NULL && !atomic_load(&finding)) find();
  return next_malloc != NULL;
}

static int refuse(size_t size) {
  struct control* c = control();
  if (!atomic_load_explicit(&c->on, memory_order_relaxed) || size < c->least || !fails()) return 0;
  errno = ENOMEM;
  return 1;
}

void* malloc(size_t size) {
  if (!found()) return give_early(size);
  return refuse(size) ? NULL : next_malloc(size);
}

void* calloc(size_t count, size_t size) {
  if (!found()) return give_early(count * size); /* static memory is zero */
  size_t all = 0;
  if (!__builtin_mul_overflow(count, size, &all) && refuse(all)) return NULL;
  return next_calloc(count, size);
}

void* realloc(void* old, size_t size) {
  if (is_early(old) || !found()) {
    void* p = malloc(size);
    const size_t behind = old != NULL ? (size_t)(early + sizeof(early) - (char*)old) : 0;
    if (p != NULL && old != NULL) memcpy(p, old, size < behind ? size : behind);
    return p;
  }
  return refuse(size) ? NULL : next_realloc(old, size);
}

void* aligned_alloc(size_t alignment, size_t size) {
  if (!found()) return NULL;
  return refuse(size) ? NULL : next_aligned_alloc(alignment, size);
}

void* memalign(size_t alignment, size_t size) {
  if (!found()) return NULL;
  return refuse(size) ? NULL : next_memalign(alignment, size);
}

int posix_memalign(void** p, size_t alignment, size_t size) {
  if (!found() || refuse(size)) return ENOMEM;
  return next_posix_memalign(p, alignment, size);
}

void free(void* p) {
  if (p == NULL || is_early(p) || !found()) return;
  next_free(p);
}
