#include "storage/sqlite/write_queue.h"

#include <algorithm>
#include <new>

namespace roktcached::storage {

namespace {

std::uint64_t size_of(const Write& write) {
  return write.response ? write.response->memory_size() : 0;
}

}  // namespace

bool WriteQueue::put(StoredResponsePtr response) {
  const LockGuard lock(mutex_);
  const caching::KeyHash hash = response->key.hash();
  const auto found = pending_.find(hash);
  const std::uint64_t replaced = found == pending_.end() ? 0 : size_of(found->second);
  const std::uint64_t size = response->memory_size();
  const bool full = (found == pending_.end() && pending_.size() >= limits_.entries) ||
                    bytes_ - replaced + size > limits_.bytes;
  if (full) return false;
  Write write{response->key, std::move(response), std::nullopt};
  if (found == pending_.end()) {
    enqueue(hash, std::move(write));
  } else {
    write.suspect = found->second.suspect;
    found->second = std::move(write);
  }
  bytes_ += size - replaced;
  wake_writer();
  return true;
}

void WriteQueue::suspect(const Key& key) {
  const LockGuard lock(mutex_);
  if (const auto found = pending_.find(key.hash()); found != pending_.end()) {
    found->second.suspect = true;
    return;
  }
  if (pending_.size() >= limits_.entries) return;
  enqueue(key.hash(), Write{key, nullptr, std::nullopt, true});
  wake_writer();
}

void WriteQueue::touch(const Key& key, WallTime used_at) {
  const LockGuard lock(mutex_);
  const caching::KeyHash hash = key.hash();
  if (pending_.size() >= limits_.entries || pending_.contains(hash) || being_written_.contains(hash)) return;
  enqueue(hash, Write{key, nullptr, used_at});
  wake_writer();
}

/// All of it or, where memory fails, nothing.
void WriteQueue::enqueue(const caching::KeyHash& hash, Write write) {
  order_.push_back(hash);
  try {
    pending_.emplace(hash, std::move(write));
  } catch (...) {
    order_.pop_back();
    throw;
  }
}

/// Wakes the writer for the first write, and for the one that makes a batch of them. In between the writer
/// lets more come, and to wake it for each would cost the putting thread more than the put does.
void WriteQueue::wake_writer() {
  if (order_.size() == 1 || is_batch()) changed_.notify_all();
}

bool WriteQueue::is_batch() const {
  return order_.size() >= batch_entries_ || bytes_ >= batch_bytes_;
}

StoredResponsePtr WriteQueue::find(const Key& key) const {
  const LockGuard lock(mutex_);
  for (const Pending* writes : {&pending_, &being_written_}) {
    const auto found = writes->find(key.hash());
    if (found != writes->end() && found->second.response && found->second.key == key)
      return found->second.response;
  }
  return nullptr;
}

std::future<Result<std::uint64_t>> WriteQueue::purge(const caching::Purge& purge, WallTime now) {
  const LockGuard lock(mutex_);
  QueuedPurge queued{purge, now, {}, {}};
  for (auto& [hash, write] : pending_) {
    if (!write.response || !caching::matches(purge.selection, caching::subject_of(*write.response))) continue;
    if (purge.kind == caching::PurgeKind::soft && write.response->fresh_until <= now) continue;
    if (purge.kind == caching::PurgeKind::hard) {
      bytes_ -= size_of(write);
      write.response = nullptr;  // it keeps its place in the order
    } else {
      write.response = caching::share(caching::made_stale(*write.response, now));
    }
    queued.met.push_back(hash);
  }
  auto result = queued.result.get_future();
  purges_.push_back(std::move(queued));
  changed_.notify_all();
  return result;
}

std::optional<QueuedPurge> WriteQueue::take_purge() {
  const LockGuard lock(mutex_);
  if (purges_.empty()) return std::nullopt;
  std::optional<QueuedPurge> oldest(std::move(purges_.front()));
  purges_.pop_front();
  return oldest;
}

std::vector<Write> WriteQueue::take(std::size_t entries_max, std::uint64_t bytes_max,
                                    std::chrono::milliseconds linger, std::chrono::milliseconds patience) {
  UniqueLock lock(mutex_);
  batch_entries_ = entries_max;
  batch_bytes_ = bytes_max;
  const auto something = [this] {
    mutex_.assert_held();
    return closed_ || !order_.empty() || !purges_.empty();
  };
  if (!changed_.wait_for(lock, patience, something)) return {};
  const auto enough = [this] {
    mutex_.assert_held();
    return closed_ || !purges_.empty() || waiting_for_flush_ > 0 || is_batch();
  };
  changed_.wait_for(lock, linger, enough);
  if (!purges_.empty()) return {};
  return take_locked(entries_max, bytes_max);
}

std::vector<Write> WriteQueue::take_waiting(std::size_t entries_max, std::uint64_t bytes_max) {
  const LockGuard lock(mutex_);
  return take_locked(entries_max, bytes_max);
}

std::vector<Write> WriteQueue::take_locked(std::size_t entries_max, std::uint64_t bytes_max) {
  const std::size_t count = std::min(order_.size(), entries_max);
  std::vector<Write> batch;
  batch.reserve(count);
  being_written_.reserve(being_written_.size() + count);  // so that no insertion below allocates
  std::uint64_t bytes = 0;
  while (batch.size() < count && bytes < bytes_max) {
    const auto found = pending_.find(order_.front());
    try {
      batch.push_back(found->second);
    } catch (const std::bad_alloc&) {
      if (batch.empty()) throw;
      break;
    }
    const std::uint64_t size = size_of(found->second);
    being_written_.insert(pending_.extract(found));
    order_.pop_front();
    ++taken_;
    bytes += size;
    bytes_ -= size;
  }
  return batch;
}

void WriteQueue::done() {
  const LockGuard lock(mutex_);
  being_written_.clear();
  done_ = taken_;
  changed_.notify_all();
}

bool WriteQueue::is_finished() const {
  const LockGuard lock(mutex_);
  return closed_ && order_.empty() && purges_.empty();
}

bool WriteQueue::wait_until_written(std::chrono::milliseconds patience) {
  UniqueLock lock(mutex_);
  ++waiting_for_flush_;
  changed_.notify_all();
  const bool written = changed_.wait_for(lock, patience, [this, all = taken_ + order_.size()] {
    mutex_.assert_held();
    return done_ >= all;
  });
  --waiting_for_flush_;
  return written;
}

void WriteQueue::close() {
  const LockGuard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

std::size_t WriteQueue::size() const {
  const LockGuard lock(mutex_);
  return order_.size() + being_written_.size();
}

}  // namespace roktcached::storage
