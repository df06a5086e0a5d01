#include "server/proxy/formats/kept_conversions.h"

#include <xxhash.h>

#include <utility>

namespace roktcached::proxy {

namespace {

/// Two forms with the same hash take each other's place, and a found form is compared.
std::uint64_t hash_of(const caching::StoredResponse& stored, std::string_view tag) {
  return XXH3_64bits_withSeed(tag.data(), tag.size(), stored.key.hash().low);
}

/// The node, the table's entry and the texts' control blocks: a form may have no octet, and is not for
/// nothing.
constexpr std::size_t cost_of_keeping = 320;

/// A short body's octets stay for as long as it is referred to, also where nobody else has it any more.
std::size_t held_of(const caching::Body& body) {
  return body.size() <= caching::short_body_max ? body.size() : 0;
}

bool is_of(const std::weak_ptr<const caching::Body>& body, const caching::StoredResponse& stored) {
  return !body.owner_before(stored.body) && !stored.body.owner_before(body);
}

}  // namespace

KeptConversions::Text KeptConversions::find(const caching::StoredResponse& stored, std::string_view tag) {
  const std::uint64_t hash = hash_of(stored, tag);
  const LockGuard lock(mutex_);
  const auto found = by_hash_.find(hash);
  if (found == by_hash_.end()) return nullptr;
  const auto kept = found->second;
  if (kept->tag != tag || !is_of(kept->body, stored)) return nullptr;
  order_.splice(order_.begin(), order_, kept);
  return kept->text;
}

void KeptConversions::keep(const caching::StoredResponse& stored, std::string_view tag, Text text) {
  constexpr std::size_t largest_share = 8;
  const std::size_t bytes = text->size() + tag.size() + held_of(*stored.body) + cost_of_keeping;
  if (bytes > bytes_max_ / largest_share) return;
  const std::uint64_t hash = hash_of(stored, tag);
  const LockGuard lock(mutex_);
  if (const auto known = by_hash_.find(hash); known != by_hash_.end()) drop(known->second);
  while (!order_.empty() && (bytes_ + bytes > bytes_max_ || order_.back().body.expired()))
    drop(std::prev(order_.end()));
  order_.push_front({hash, stored.body, std::string(tag), std::move(text), bytes});
  by_hash_.emplace(hash, order_.begin());
  bytes_ += bytes;
}

void KeptConversions::drop(Order::iterator kept) {
  bytes_ -= kept->bytes;
  by_hash_.erase(kept->hash);
  order_.erase(kept);
}

bool KeptConversions::forget_all() {
  Order forgotten;  // ends without the lock
  const LockGuard lock(mutex_);
  forgotten.swap(order_);
  by_hash_.clear();
  bytes_ = 0;
  return !forgotten.empty();
}

}  // namespace roktcached::proxy
