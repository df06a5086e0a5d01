#include "storage/memory/ghosts.h"

namespace roktcached::storage {

namespace {

/// Where many entries have gone at once there are too many ghosts: they go faster than they come, but not all
/// at once.
constexpr int forgotten_at_once = 2;

}  // namespace

void Ghosts::remember(const caching::KeyHash& hash, std::size_t most) {
  if (find(hash) == nullptr) order_.push_back(table_.insert(std::make_unique<Ghost>(hash)));
  for (int i = 0; i < forgotten_at_once && table_.size() > most; ++i) erase(order_.front());
}

bool Ghosts::forget(const caching::KeyHash& hash) {
  Ghost* const found = find(hash);
  if (found != nullptr) erase(*found);
  return found != nullptr;
}

Ghosts::Ghost* Ghosts::find(const caching::KeyHash& hash) const {
  return table_.find(hash.low, [&](const Ghost& ghost) { return ghost.high == hash.high; });
}

void Ghosts::erase(Ghost& ghost) {
  order_.erase(order_.iterator_to(ghost));
  table_.erase(ghost);
}

}  // namespace roktcached::storage
