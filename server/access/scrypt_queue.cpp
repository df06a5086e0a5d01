#include "server/access/scrypt_queue.h"

namespace roktcached::access {

bool ScryptQueue::push(Bucket bucket, const Digest& shown) {
  auto& waiting = buckets_[bucket];
  if (waiting.size() >= (bucket == bare_keys() ? room_for_bare_keys : room)) return false;
  waiting.push_back(shown);
  return true;
}

std::optional<Digest> ScryptQueue::next() {
  std::optional<std::size_t> chosen;
  for (std::size_t kind = kinds; kind-- > 0;) {
    const auto bucket = first_of(kind);
    if (!bucket) continue;
    chosen = kind;
    at_hand_ = *bucket;
    if (passed_over_[kind] >= patience) break;
  }
  if (!chosen) return std::nullopt;
  passed_over_[*chosen] = 0;
  for (std::size_t later = *chosen + 1; later < kinds; ++later) {
    if (first_of(later)) ++passed_over_[later];
  }
  if (at_hand_ < clients_) turn_ = (at_hand_ + 1) % clients_;
  return buckets_[at_hand_].front();
}

void ScryptQueue::done() {
  buckets_[at_hand_].pop_front();
}

/// The bucket of this kind whose turn it is; empty if all of them are empty.
std::optional<ScryptQueue::Bucket> ScryptQueue::first_of(std::size_t kind) const {
  if (kind > 0) {
    const Bucket only = kind == 1 ? nobody() : bare_keys();
    return buckets_[only].empty() ? std::nullopt : std::optional(only);
  }
  for (std::size_t i = 0; i < clients_; ++i) {
    const Bucket client = (turn_ + i) % clients_;
    if (!buckets_[client].empty()) return client;
  }
  return std::nullopt;
}

}  // namespace roktcached::access
