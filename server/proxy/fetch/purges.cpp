#include "server/proxy/fetch/purges.h"

#include <algorithm>

namespace roktcached::proxy {

namespace {

constexpr std::size_t max_ended = 64;

}  // namespace

Purges::UnderWay::UnderWay(Purges& purges, const caching::Purge& purge) : purges_(purges) {
  const LockGuard lock(purges_.mutex_);
  entry_ = purges_.entries_.insert(purges_.entries_.end(), Entry{purge});
}

Purges::UnderWay::~UnderWay() {
  const LockGuard lock(purges_.mutex_);
  entry_->ended_at = purges_.clock_.steady_now();
  // Ended purges stand first, in the order of their ends.
  const auto under_way = std::ranges::find(purges_.entries_, SteadyTime::max(), &Entry::ended_at);
  purges_.entries_.splice(under_way, purges_.entries_, entry_);
  if (purges_.entries_.size() <= max_ended || purges_.entries_.front().ended_at == SteadyTime::max()) return;
  purges_.forgotten_until_ = std::max(purges_.forgotten_until_, purges_.entries_.front().ended_at);
  purges_.entries_.pop_front();
}

bool Purges::put_unless_purged(std::span<const caching::Subject> subjects, SteadyTime begun_at,
                               const std::function<void()>& put) {
  const LockGuard lock(mutex_);
  const auto concerns = [&](const Entry& entry) {
    return entry.ended_at >= begun_at && std::ranges::any_of(subjects, [&](const caching::Subject& subject) {
             return caching::matches(entry.purge.selection, subject);
           });
  };
  if (forgotten_until_ >= begun_at || std::ranges::any_of(entries_, concerns)) return false;
  put();
  return true;
}

bool Purges::ended_between(const caching::Subject& subject, SteadyTime from, SteadyTime to) const {
  const LockGuard lock(mutex_);
  if (forgotten_until_ >= from) return true;
  return std::ranges::any_of(entries_, [&](const Entry& entry) {
    return entry.ended_at >= from && entry.ended_at <= to && caching::matches(entry.purge.selection, subject);
  });
}

bool Purges::removed_since(const caching::Subject& subject, SteadyTime from) const {
  const LockGuard lock(mutex_);
  if (forgotten_until_ >= from) return true;
  return std::ranges::any_of(entries_, [&](const Entry& entry) {
    return entry.ended_at >= from && entry.purge.kind == caching::PurgeKind::hard &&
           caching::matches(entry.purge.selection, subject);
  });
}

}  // namespace roktcached::proxy
