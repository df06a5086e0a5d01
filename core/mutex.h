#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

// Which mutex guards what, checked by clang (-Wthread-safety, tests/thread_safety.sh). GCC knows none of
// these, and sees nothing.
#ifdef __clang__
#define ROKTCACHED_THREAD_SAFETY(attribute) __attribute__((attribute))
#else
#define ROKTCACHED_THREAD_SAFETY(attribute)
#endif

/// For a member: it is read and written only while this mutex is held.
#define GUARDED_BY(mutex) ROKTCACHED_THREAD_SAFETY(guarded_by(mutex))
/// For a function: it is called only while these mutexes are held.
#define REQUIRES(...) ROKTCACHED_THREAD_SAFETY(requires_capability(__VA_ARGS__))
/// For a function: it is not checked. A comment says why it is right all the same.
#define NO_THREAD_SAFETY_ANALYSIS ROKTCACHED_THREAD_SAFETY(no_thread_safety_analysis)

namespace roktcached {

/// std::mutex, which clang can check the use of.
class ROKTCACHED_THREAD_SAFETY(capability("mutex")) Mutex {
 public:
  void lock() ROKTCACHED_THREAD_SAFETY(acquire_capability()) { mutex_.lock(); }
  void unlock() ROKTCACHED_THREAD_SAFETY(release_capability()) { mutex_.unlock(); }

  /// For the lambda of a ConditionVariable's wait, and other code that clang does not follow: says that the
  /// mutex is held from here on. The caller answers for that; nothing is checked when the program runs.
  void assert_held() const ROKTCACHED_THREAD_SAFETY(assert_capability()) {}

 private:
  friend class UniqueLock;
  std::mutex mutex_;
};

/// Holds a mutex to its end: std::lock_guard.
class ROKTCACHED_THREAD_SAFETY(scoped_lockable) LockGuard {
 public:
  explicit LockGuard(Mutex& mutex) ROKTCACHED_THREAD_SAFETY(acquire_capability(mutex)) : mutex_(mutex) {
    mutex_.lock();
  }
  ~LockGuard() ROKTCACHED_THREAD_SAFETY(release_capability()) { mutex_.unlock(); }
  LockGuard(const LockGuard&) = delete;
  LockGuard& operator=(const LockGuard&) = delete;

 private:
  Mutex& mutex_;
};

/// Holds a mutex that is given up in between, by itself or by a ConditionVariable: std::unique_lock.
class ROKTCACHED_THREAD_SAFETY(scoped_lockable) UniqueLock {
 public:
  explicit UniqueLock(Mutex& mutex) ROKTCACHED_THREAD_SAFETY(acquire_capability(mutex))
      : lock_(mutex.mutex_) {}
  ~UniqueLock() ROKTCACHED_THREAD_SAFETY(release_capability()) = default;
  UniqueLock(const UniqueLock&) = delete;
  UniqueLock& operator=(const UniqueLock&) = delete;

  void lock() ROKTCACHED_THREAD_SAFETY(acquire_capability()) { lock_.lock(); }
  void unlock() ROKTCACHED_THREAD_SAFETY(release_capability()) { lock_.unlock(); }

 private:
  friend class ConditionVariable;
  std::unique_lock<std::mutex> lock_;
};

/// std::condition_variable. A condition begins with Mutex::assert_held: clang does not see that it is called
/// with the lock.
class ConditionVariable {
 public:
  template <typename Condition>
  void wait(UniqueLock& lock, Condition condition) {
    changed_.wait(lock.lock_, std::move(condition));
  }
  template <typename Condition>
  bool wait_for(UniqueLock& lock, std::chrono::milliseconds longest, Condition condition) {
    return changed_.wait_for(lock.lock_, longest, std::move(condition));
  }
  void notify_all() { changed_.notify_all(); }

 private:
  std::condition_variable changed_;
};

}  // namespace roktcached
