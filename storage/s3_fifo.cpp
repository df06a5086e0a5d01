#include "storage/s3_fifo.h"

#include <algorithm>

namespace roktcached::storage {

namespace {

constexpr std::uint8_t uses_max = 3;
constexpr std::uint64_t small_share = 10;  // the small queue has one part in ten
constexpr std::size_t ghosts_min = 64;
/// List node, table node and bucket, shared_ptr control blocks and allocator slack, near enough.
constexpr std::uint64_t overhead = 192;

}  // namespace

StoredResponsePtr S3Fifo::find(const Key& key) {
  const auto found = table_.find(key.hash());
  if (found == table_.end()) return nullptr;
  Entry& entry = *found->second.entry;
  if (!(entry.response->key == key)) return nullptr;
  if (entry.uses < uses_max) ++entry.uses;
  return entry.response;
}

void S3Fifo::put(StoredResponsePtr response) {
  const Hash hash = response->key.hash();
  const std::uint64_t size = response->memory_size() + overhead;
  const auto found = table_.find(hash);
  const bool keep_in_main = found != table_.end() && found->second.queue == &main_;
  const std::uint8_t uses = found == table_.end() ? std::uint8_t{0} : found->second.entry->uses;
  if (found != table_.end()) remove(found);
  if (size > bytes_max_) return;
  const bool came_back = ghosts_.erase(hash) > 0;
  append(keep_in_main || came_back ? main_ : small_, Entry{std::move(response), size, uses});
  make_room();
}

void S3Fifo::remove(Table::iterator found) {
  Queue& queue = *found->second.queue;
  queue.bytes -= found->second.entry->size;
  queue.entries.erase(found->second.entry);
  table_.erase(found);
}

void S3Fifo::append(Queue& queue, Entry entry) {
  const Hash hash = entry.response->key.hash();
  queue.bytes += entry.size;
  queue.entries.push_back(std::move(entry));
  table_[hash] = {&queue, std::prev(queue.entries.end())};
}

void S3Fifo::move_oldest(Queue& from, Queue& to) {
  const auto oldest = from.entries.begin();
  from.bytes -= oldest->size;
  to.bytes += oldest->size;
  to.entries.splice(to.entries.end(), from.entries, oldest);
  table_[oldest->response->key.hash()].queue = &to;
}

void S3Fifo::drop_oldest(Queue& from) {
  remove(table_.find(from.entries.front().response->key.hash()));
  ++evictions_;
}

void S3Fifo::make_room() {
  while (bytes() > bytes_max_) {
    const bool small_is_full = small_.bytes > bytes_max_ / small_share;
    if (!small_.entries.empty() && (small_is_full || main_.entries.empty())) {
      evict_from_small();
    } else {
      evict_from_main();
    }
  }
}

void S3Fifo::evict_from_small() {
  Entry& oldest = small_.entries.front();
  if (oldest.uses > 0) {
    oldest.uses = 0;
    return move_oldest(small_, main_);
  }
  remember(oldest.response->key.hash());
  drop_oldest(small_);
}

void S3Fifo::evict_from_main() {
  Entry& oldest = main_.entries.front();
  if (oldest.uses == 0) return drop_oldest(main_);
  --oldest.uses;
  move_oldest(main_, main_);
}

/// As many ghosts as there are entries.
void S3Fifo::remember(const Hash& hash) {
  if (ghosts_.insert(hash).second) ghost_order_.push_back(hash);
  const std::size_t most = std::max(ghosts_min, table_.size());
  while (ghost_order_.size() > most) {
    ghosts_.erase(ghost_order_.front());
    ghost_order_.pop_front();
  }
}

}  // namespace roktcached::storage
