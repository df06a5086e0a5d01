#pragma once

#include <functional>
#include <list>
#include <span>

#include "core/caching/selection.h"
#include "core/mutex.h"
#include "core/time.h"

namespace roktcached::proxy {

/// The purges that are under way or have ended lately. An answer that was fetched, or read from the store,
/// before a purge has ended may be one that the purge was to remove. It must neither be stored nor
/// revalidated.
///
/// Bounded: of purges that ended long ago only the time of the last one is kept, and everything older than
/// that counts as purged. Safe from any thread.
class Purges {
  struct Entry {
    caching::Purge purge;
    SteadyTime ended_at = SteadyTime::max();  // while it is under way
  };

 public:
  explicit Purges(const Clock& clock) : clock_(clock) {}

  /// A purge that is under way, from its construction to its end.
  class UnderWay {
   public:
    UnderWay(Purges& purges, const caching::Purge& purge);
    ~UnderWay();
    UnderWay(const UnderWay&) = delete;
    UnderWay& operator=(const UnderWay&) = delete;

   private:
    Purges& purges_;
    std::list<Entry>::iterator entry_;
  };

  /// Calls `put`, unless a purge of any of `subjects` is under way or has ended since `begun_at`. No purge
  /// begins in between: `put` must be short.
  /// @return whether it was called
  bool put_unless_purged(std::span<const caching::Subject> subjects, SteadyTime begun_at,
                         const std::function<void()>& put);

  /// Whether a purge of `subject` has ended since `from`, and no later than `to`.
  [[nodiscard]] bool ended_between(const caching::Subject& subject, SteadyTime from, SteadyTime to) const;

  /// Whether a hard purge of `subject` is under way, or has ended since `from`.
  [[nodiscard]] bool removed_since(const caching::Subject& subject, SteadyTime from) const;

 private:
  const Clock& clock_;
  mutable Mutex mutex_;
  std::list<Entry> entries_ GUARDED_BY(mutex_);
  SteadyTime forgotten_until_ GUARDED_BY(mutex_) = SteadyTime::min();
};

}  // namespace roktcached::proxy
