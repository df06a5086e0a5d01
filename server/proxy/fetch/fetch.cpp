#include "server/proxy/fetch/fetch.h"

#include <new>

namespace roktcached::proxy {

namespace {

constexpr std::size_t max_finished = 1024;

}  // namespace

void FetchesByKey::remove(const FetchPtr& fetch) {
  const auto found = by_key_.find(fetch->key.hash());
  if (found != by_key_.end() && found->second == fetch) by_key_.erase(found);
}

/// Nothing would ever remove a finished fetch that is in `by_key_` alone.
void FetchesByKey::keep_for_a_while(const FetchPtr& fetch) noexcept {
  try {
    finished_.push_back(fetch);
  } catch (const std::bad_alloc&) {
    return remove(fetch);
  }
  forget_finished(fetch->finished_at);
}

FetchPtr FetchesByKey::find(const caching::Key& key, SteadyTime now) {
  forget_finished(now);
  const auto found = by_key_.find(key.hash());
  return found == by_key_.end() || !(found->second->key == key) ? nullptr : found->second;
}

void FetchesByKey::forget_finished(SteadyTime now) {
  const SteadyTime limit = now - kept_for;
  while (!finished_.empty() && (finished_.front()->finished_at < limit || finished_.size() > max_finished)) {
    remove(finished_.front());
    finished_.pop_front();
  }
}

}  // namespace roktcached::proxy
