#include "storage/s3_fifo.h"

#include <algorithm>

#include "core/caching/variants.h"

namespace roktcached::storage {

namespace {

constexpr std::uint8_t uses_max = 3;
constexpr std::uint64_t small_share = 10;  // the small queue has one part in ten
constexpr std::size_t ghosts_min = 64;
/// List node, table node and bucket, node of the account's set, shared_ptr control blocks and allocator
/// slack, near enough.
constexpr std::uint64_t overhead = 256;
constexpr std::size_t purge_slice = 512;  // entries or buckets

}  // namespace

StoredResponsePtr S3Fifo::find(const Key& key) {
  const auto found = table_.find(key.hash());
  if (found == table_.end()) return nullptr;
  Entry& entry = *found->second.entry;
  if (!(entry.response->key == key)) return nullptr;
  if (entry.uses < uses_max) ++entry.uses;
  ++entry.finds;
  return entry.response;
}

Usage S3Fifo::usage_of(const caching::KeyHash& hash) const {
  const auto found = table_.find(hash);
  if (found == table_.end()) return {};
  return {found->second.entry->response, found->second.entry->finds};
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
  append(keep_in_main || came_back ? main_ : small_, Entry{std::move(response), size, uses, 0});
  make_room();
}

std::uint64_t S3Fifo::purge(const caching::Purge& purge, WallTime now, Cursor& cursor) {
  std::uint64_t purged = 0;
  for (const Hash& hash : next_candidates(purge.selection, cursor)) {
    const auto found = table_.find(hash);
    if (found == table_.end()) continue;
    StoredResponsePtr& response = found->second.entry->response;
    if (!caching::matches(purge.selection, caching::subject_of(*response))) continue;
    if (purge.kind == caching::PurgeKind::hard) {
      remove(found);
    } else if (response->fresh_until > now && !caching::VariantIndex::is_index(*response)) {
      response = std::make_shared<const StoredResponse>(caching::made_stale(*response, now));
    } else {
      continue;
    }
    ++purged;
  }
  return purged;
}

void S3Fifo::list(const Listing& wanted,
                  std::unordered_map<caching::KeyHash, EntrySummary, caching::KeyHashHasher>& entries,
                  Cursor& cursor) const {
  for (const Hash& hash : next_candidates(wanted.selection, cursor)) {
    const StoredResponse& response = *table_.find(hash)->second.entry->response;
    const bool listed = !caching::VariantIndex::is_index(response) &&
                        (response.restated || !wanted.restated_only) &&
                        caching::matches(wanted.selection, caching::subject_of(response));
    if (listed) entries.insert_or_assign(hash, summary_of(response));
  }
}

/// By key and by account the entries are found directly; else, and for an account that has too many for one
/// slice, the table is gone through, from the beginning again where it has grown in between.
std::vector<S3Fifo::Hash> S3Fifo::next_candidates(const caching::Selection& selection, Cursor& cursor) const {
  if (const auto* with_key = std::get_if<caching::WithKey>(&selection)) {
    cursor.finished = true;
    return {with_key->hash};
  }
  if (const auto* of_account = std::get_if<caching::OfAccount>(&selection);
      of_account != nullptr && cursor.bucket == 0) {
    const auto account = accounts_.find(of_account->account_id);
    const std::size_t size = account == accounts_.end() ? 0 : account->second.size();
    if (size <= purge_slice) {
      cursor.finished = true;
      return size == 0 ? std::vector<Hash>{}
                       : std::vector<Hash>(account->second.begin(), account->second.end());
    }
  }
  if (cursor.bucket_count != table_.bucket_count()) cursor = {0, table_.bucket_count(), false};
  const std::size_t end = std::min(cursor.bucket + purge_slice, cursor.bucket_count);
  std::vector<Hash> hashes;
  for (; cursor.bucket < end; ++cursor.bucket) {
    for (auto entry = table_.begin(cursor.bucket); entry != table_.end(cursor.bucket); ++entry)
      hashes.push_back(entry->first);
  }
  cursor.finished = cursor.bucket == cursor.bucket_count;
  return hashes;
}

void S3Fifo::remove(Table::iterator found) {
  Queue& queue = *found->second.queue;
  const auto account = accounts_.find(found->second.entry->response->account_id);
  account->second.erase(found->first);
  if (account->second.empty()) accounts_.erase(account);
  queue.bytes -= found->second.entry->size;
  queue.entries.erase(found->second.entry);
  table_.erase(found);
}

void S3Fifo::append(Queue& queue, Entry entry) {
  const Hash hash = entry.response->key.hash();
  accounts_[entry.response->account_id].insert(hash);
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
