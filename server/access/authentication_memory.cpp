#include "server/access/authentication_memory.h"

namespace roktcached::access {

Digest digest_of(const Presented& shown, Hmac& hmac) {
  const char kind = static_cast<char>(shown.kind);
  return hmac(std::string_view(&kind, 1), shown.text);
}

std::optional<AuthenticationResult> AuthenticationMemory::recall(const Digest& digest, WallTime now) const {
  for (const Ring* ring : {&known_, &nobodies_}) {
    const auto found = ring->entries.find(digest);
    if (found != ring->entries.end() && now < found->second.until)
      return AuthenticationResult{found->second.client};
  }
  return std::nullopt;
}

void AuthenticationMemory::remember(const Digest& digest, std::size_t client, WallTime until) {
  put(known_, digest, {client, until});
}

void AuthenticationMemory::remember_nobody(const Digest& digest, WallTime now) {
  put(nobodies_, digest, {std::nullopt, now + nobody_for});
}

void AuthenticationMemory::take_over(std::size_t client, const AuthenticationMemory& before,
                                     std::size_t its_place) {
  for (const auto& [digest, entry] : before.known_.entries) {
    if (entry.client == its_place) put(known_, digest, {client, entry.until});
  }
}

void AuthenticationMemory::put(Ring& ring, const Digest& digest, Entry entry) const {
  const bool is_new = ring.entries.insert_or_assign(digest, entry).second;
  if (!is_new) return;
  if (ring.order.size() < capacity_) {
    ring.order.push_back(digest);
    return;
  }
  ring.entries.erase(ring.order[ring.oldest]);
  ring.order[ring.oldest] = digest;
  ring.oldest = (ring.oldest + 1) % capacity_;
}

}  // namespace roktcached::access
