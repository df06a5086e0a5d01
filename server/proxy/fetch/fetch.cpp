#include "server/proxy/fetch/fetch.h"

namespace roktcached::proxy {

namespace {

constexpr std::chrono::seconds memory_of_finished{1};
constexpr std::size_t max_finished = 1024;

}  // namespace

void FetchesByKey::remove(const FetchPtr& fetch) {
  const auto found = by_key_.find(fetch->key.hash());
  if (found != by_key_.end() && found->second == fetch) by_key_.erase(found);
}

void FetchesByKey::keep_for_a_while(const FetchPtr& fetch) {
  finished_.push_back(fetch);
  forget_finished(fetch->finished_at);
}

FetchPtr FetchesByKey::find(const caching::Key& key, SteadyTime now) {
  forget_finished(now);
  const auto found = by_key_.find(key.hash());
  return found == by_key_.end() || !(found->second->key == key) ? nullptr : found->second;
}

void FetchesByKey::forget_finished(SteadyTime now) {
  const SteadyTime limit = now - memory_of_finished;
  while (!finished_.empty() && (finished_.front()->finished_at < limit || finished_.size() > max_finished)) {
    remove(finished_.front());
    finished_.pop_front();
  }
}

}  // namespace roktcached::proxy
