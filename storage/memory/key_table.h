#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace roktcached::storage {

/// The base of a KeyTable's nodes. `hash` is uniform in its lower bits, and stays the same.
template <class Node>
struct TableNode {
  explicit TableNode(std::uint64_t of) : hash(of) {}
  const std::uint64_t hash;
  Node* next_in_bucket = nullptr;  // the table's
};

/// A hash table that owns its nodes and grows without a stall, by linear hashing (Litwin, "Linear hashing: a
/// new tool for file and table addressing", VLDB 1980): every insertion beyond one node a bucket splits one
/// bucket, the next in turn, and so moves a node or two. std::unordered_map moves all of its nodes at once
/// instead, hundreds of thousands of them while everybody who looks something up waits.
///
/// A split moves nodes to a new last bucket. A walk through the buckets from the first to the last, as many
/// as there are by then, meets every node that is there all the time, and one that a split has moved perhaps
/// twice. The table never shrinks: a bucket is a pointer.
///
/// Nodes stay where they are. Not thread-safe.
template <class Node>
class KeyTable {
 public:
  KeyTable() { segments_.push_back(std::make_unique<Segment>()); }
  ~KeyTable() {
    for (std::size_t index = 0; index < bucket_count_; ++index) {
      while (Node* const first = bucket(index)) erase(*first);
    }
  }
  KeyTable(const KeyTable&) = delete;
  KeyTable& operator=(const KeyTable&) = delete;

  /// The node of this hash that `matches` takes; null if there is none.
  template <class Matches>
  [[nodiscard]] Node* find(std::uint64_t hash, const Matches& matches) const {
    for (Node* node = bucket(bucket_of(hash)); node != nullptr; node = node->next_in_bucket) {
      if (node->hash == hash && matches(*node)) return node;
    }
    return nullptr;
  }

  Node& insert(std::unique_ptr<Node> inserted) {
    if (size_ >= bucket_count_) split_next();
    Node*& first = bucket(bucket_of(inserted->hash));
    inserted->next_in_bucket = first;
    first = inserted.release();
    ++size_;
    return *first;
  }

  void erase(Node& erased) {
    Node** link = &bucket(bucket_of(erased.hash));
    while (*link != &erased) link = &(*link)->next_in_bucket;
    *link = erased.next_in_bucket;
    --size_;
    delete &erased;
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t bucket_count() const { return bucket_count_; }
  /// Calls `visit` with every node of a bucket; it may not erase.
  template <class Visit>
  void visit(std::size_t index, const Visit& visit) const {
    for (Node* node = bucket(index); node != nullptr; node = node->next_in_bucket) visit(*node);
  }

 private:
  static constexpr std::size_t segment_size = 512;  // a page: allocated and emptied in no time
  struct Segment {
    Node* buckets[segment_size] = {};
  };

  [[nodiscard]] Node*& bucket(std::size_t index) const {
    return segments_[index / segment_size]->buckets[index % segment_size];
  }
  /// As many bits of the hash as the last bucket has, or one less for a bucket that is not split yet.
  [[nodiscard]] std::size_t bucket_of(std::uint64_t hash) const {
    const std::size_t index = hash & mask_;
    return index < bucket_count_ ? index : index & (mask_ >> 1);
  }

  void split_next() {
    const std::size_t added = bucket_count_;
    if (added == segments_.size() * segment_size) segments_.push_back(std::make_unique<Segment>());
    mask_ = std::bit_ceil(added + 1) - 1;
    bucket_count_ = added + 1;
    Node** link = &bucket(added & (mask_ >> 1));
    while (Node* const node = *link) {
      if ((node->hash & mask_) != added) {
        link = &node->next_in_bucket;
        continue;
      }
      *link = node->next_in_bucket;
      node->next_in_bucket = std::exchange(bucket(added), node);
    }
  }

  std::vector<std::unique_ptr<Segment>> segments_;
  std::size_t bucket_count_ = segment_size;
  std::size_t mask_ = segment_size - 1;
  std::size_t size_ = 0;
};

}  // namespace roktcached::storage
