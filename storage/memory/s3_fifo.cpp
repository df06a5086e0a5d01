#include "storage/memory/s3_fifo.h"

#include <algorithm>
#include <functional>

#include "core/caching/variants.h"

namespace roktcached::storage {

namespace {

/// If many entries have gone at once, there are too many ghosts. They are forgotten faster than they come,
/// but not all at once.
constexpr int forgotten_at_once = 2;

constexpr std::uint8_t uses_max = 3;
constexpr std::uint64_t small_share = 10;  // the small queue has one part in ten
constexpr std::size_t ghosts_min = 64;
constexpr std::uint64_t short_entry = 1024;
constexpr std::size_t purge_slice = 512;  // entries or buckets
/// How many that are in use one put spares: where all are, it would else go through all of them three times.
constexpr int chances_max = 256;

std::uint64_t body_bytes_of(const StoredResponse& response) {
  return response.body->size() + (response.gzip_body ? response.gzip_body->size() : 0);
}

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

/// With its node, its bucket and the ghost that it may leave, all as malloc rounds them.
std::uint64_t S3Fifo::size_of(const StoredResponse& response) {
  constexpr std::uint64_t node = sizeof(Entry) + sizeof(void*) + sizeof(Entry*);
  constexpr std::uint64_t ghost = 64;
  return response.memory_size() + node + ghost;
}

StoredResponsePtr S3Fifo::find(const Key& key) {
  Entry* const entry = find_entry(key.hash());
  if (entry == nullptr || !(entry->response->key == key)) return nullptr;
  if (entry->uses < uses_max) ++entry->uses;
  ++entry->finds;
  return entry->response;
}

Usage S3Fifo::usage_of(const caching::KeyHash& hash) const {
  const Entry* const entry = find_entry(hash);
  if (entry == nullptr) return {};
  return {entry->response, entry->finds};
}

caching::Storing S3Fifo::put(StoredResponsePtr response, std::uint64_t wasted) {
  const Hash hash = response->key.hash();
  Entry* const earlier = find_entry(hash);
  const bool keep_in_main = earlier != nullptr && earlier->in_main;
  const std::uint8_t uses = earlier == nullptr ? std::uint8_t{0} : earlier->uses;
  if (earlier != nullptr) remove(*earlier);
  const std::uint64_t size = size_of(*response);
  if (size > bytes_max_) return caching::Storing::too_large_for_cache;
  const bool came_back = ghosts_.forget(hash);
  add(std::move(response), size, keep_in_main || came_back, uses);
  if (bytes() <= room(wasted)) return caching::Storing::stored;
  make_room(room(wasted));
  return find_entry(hash) == nullptr ? caching::Storing::no_room : caching::Storing::stored;
}

bool S3Fifo::admits(const StoredResponse& response, std::uint64_t wasted) {
  const Hash& hash = response.key.hash();
  if (bytes() + size_of(response) <= room(wasted) || ghosts_.remembers(hash)) return true;
  remember(hash);
  return false;
}

std::uint64_t S3Fifo::purge(const caching::Purge& purge, WallTime now, Cursor& cursor) {
  std::uint64_t purged = 0;
  for (Entry* const entry : next_candidates(purge.selection, cursor)) {
    const StoredResponse& response = *entry->response;
    if (!caching::matches(purge.selection, caching::subject_of(response))) continue;
    if (purge.kind == caching::PurgeKind::hard) {
      remove(*entry);
    } else if (response.fresh_until > now && !caching::VariantIndex::is_index(response)) {
      entry->response = caching::share(caching::made_stale(response, now));  // of the same size
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
  for (const Entry* const entry : next_candidates(wanted.selection, cursor)) {
    const StoredResponse& response = *entry->response;
    const bool listed = !caching::VariantIndex::is_index(response) &&
                        (response.restated || !wanted.restated_only) &&
                        caching::matches(wanted.selection, caching::subject_of(response));
    if (listed) entries.insert_or_assign(response.key.hash(), summary_of(response));
  }
}

S3Fifo::Entry* S3Fifo::find_entry(const Hash& hash) const {
  return table_.find(hash.low, [&](const Entry& entry) { return entry.response->key.hash() == hash; });
}

S3Fifo::Account* S3Fifo::find_account(std::string_view id) const {
  const std::uint64_t hash = std::hash<std::string_view>()(id);
  return accounts_.find(hash, [&](const Account& account) { return account.id == id; });
}

/// By key and by account the entries are found directly. For any other selection, and for an account that has
/// too many for one slice, the table is gone through. A node that a split moves meanwhile is met later, or
/// twice. When it is met twice, it has gone, or is stale already, or takes its own place in a listing.
std::vector<S3Fifo::Entry*> S3Fifo::next_candidates(const caching::Selection& selection,
                                                    Cursor& cursor) const {
  std::vector<Entry*> candidates;
  const auto take = [&](Entry& entry) { candidates.push_back(&entry); };
  if (const auto* with_key = std::get_if<caching::WithKey>(&selection)) {
    cursor.finished = true;
    if (Entry* const entry = find_entry(with_key->hash)) take(*entry);
    return candidates;
  }
  if (const auto* of_account = std::get_if<caching::OfAccount>(&selection);
      of_account != nullptr && cursor.bucket == 0) {
    Account* const account = find_account(of_account->account_id);
    if (account == nullptr || account->size <= purge_slice) {
      cursor.finished = true;
      if (account != nullptr) std::ranges::for_each(account->entries, take);
      return candidates;
    }
  }
  const std::size_t end = std::min(cursor.bucket + purge_slice, table_.bucket_count());
  for (; cursor.bucket < end; ++cursor.bucket) table_.visit(cursor.bucket, take);
  cursor.finished = end == table_.bucket_count();
  return candidates;
}

/// @param size  of the response
void S3Fifo::add(StoredResponsePtr response, std::uint64_t size, bool to_main, std::uint8_t uses) {
  const std::string_view account_id = response->account_id;
  Account* account = find_account(account_id);
  if (account == nullptr) {
    const std::uint64_t hash = std::hash<std::string_view>()(account_id);
    account = &accounts_.insert(std::make_unique<Account>(hash, account_id));
  }
  Entry& entry = table_.insert(std::make_unique<Entry>(std::move(response)));
  entry.uses = uses;
  entry.in_main = to_main;
  Queue& queue = queue_of(entry);
  queue.entries.push_back(entry);
  queue.bytes += size;
  body_bytes_ += body_bytes_of(*entry.response);
  account->entries.push_back(entry);
  ++account->size;
}

void S3Fifo::remove(Entry& entry) {
  Queue& queue = queue_of(entry);
  queue.entries.erase(queue.entries.iterator_to(entry));
  queue.bytes -= size_of(*entry.response);
  body_bytes_ -= body_bytes_of(*entry.response);
  Account& account = *find_account(entry.response->account_id);
  account.entries.erase(account.entries.iterator_to(entry));
  if (--account.size == 0) accounts_.erase(account);
  table_.erase(entry);
}

void S3Fifo::move_to_main(Entry& entry) {
  Queue& from = queue_of(entry);
  const std::uint64_t size = size_of(*entry.response);
  from.bytes -= size;
  main_.bytes += size;
  entry.in_main = true;
  main_.entries.splice(main_.entries.end(), from.entries, from.entries.iterator_to(entry));
}

void S3Fifo::make_room(std::uint64_t bytes_left) {
  int chances = chances_max;
  while (bytes() > bytes_left) {
    const bool small_is_full = small_.bytes > bytes_max_ / small_share;
    if (!small_.entries.empty() && (small_is_full || main_.entries.empty())) {
      evict_from_small(chances);
    } else {
      evict_from_main(chances);
    }
  }
}

void S3Fifo::evict_from_small(int& chances) {
  Entry& oldest = small_.entries.front();
  if (oldest.uses > 0 && chances-- > 0) {
    oldest.uses = 0;
    return move_to_main(oldest);
  }
  remember(oldest.response->key.hash());
  drop(oldest);
}

void S3Fifo::evict_from_main(int& chances) {
  Entry& oldest = main_.entries.front();
  if (oldest.uses == 0 || chances-- <= 0) return drop(oldest);
  --oldest.uses;
  move_to_main(oldest);
}

/// As many ghosts as there are entries; or as the small queue could hold short ones, so that these come in
/// also where a few large ones are all that there is.
void S3Fifo::remember(const Hash& hash) {
  const std::uint64_t short_ones = bytes_max_ / small_share / short_entry;
  ghosts_.remember(hash, std::max({ghosts_min, table_.size(), static_cast<std::size_t>(short_ones)}));
}

void S3Fifo::drop(Entry& entry) {
  remove(entry);
  ++evictions_;
}

}  // namespace roktcached::storage
