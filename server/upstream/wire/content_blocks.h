#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "storage/body_account.h"

namespace roktcached::upstream {

/// Some of an answer's content.
struct ContentBytes {
  std::shared_ptr<const void> owner;
  std::string_view bytes;  ///< never empty
};

/// The content of an answer while it arrives, or the last part of it. It is kept in blocks, which are filled
/// where they lie: what has been handed out stays valid, whatever is appended or dropped.
///
/// Blocks grow up to a size from which the allocator maps each by itself. The memory of an answer that has
/// gone then goes back to the system; that of many small pieces would stay in the allocator's heaps.
///
/// Positions are counted in bytes from the beginning of the content. To be used under its owner's lock.
class ContentBlocks {
 public:
  /// @param bodies  counts what is kept; outlives this
  /// @param block   bytes of a block once there are some; a larger piece has a block of its own
  ContentBlocks(storage::BodyAccount& bodies, std::uint64_t block) : block_(block), counted_(bodies) {}

  void append(std::string_view piece);
  [[nodiscard]] std::uint64_t begin() const { return blocks_.empty() ? end_ : blocks_.front().begin; }
  [[nodiscard]] std::uint64_t end() const { return end_; }
  [[nodiscard]] std::uint64_t bytes() const { return end_ - begin(); }
  /// Whether the account had no room for the last piece that is kept.
  [[nodiscard]] bool short_of_room() const { return short_of_room_; }

  /// The bytes of one block from `position` on. @pre begin() <= position < end()
  [[nodiscard]] ContentBytes from(std::uint64_t position) const;
  [[nodiscard]] std::string content() const;

  /// Whether the first block ends before `position`, or at it.
  [[nodiscard]] bool first_ends_before(std::uint64_t position) const;
  /// Whether something may still be appended to the first block.
  [[nodiscard]] bool first_is_growing() const;
  void drop_first();

 private:
  struct Block {
    std::uint64_t begin = 0;
    std::shared_ptr<char[]> bytes;
    std::size_t size = 0;
    std::size_t capacity = 0;
    std::size_t counted = 0;  // bytes of it, in the account
  };

  const std::uint64_t block_;
  std::deque<Block> blocks_;
  std::uint64_t end_ = 0;
  bool short_of_room_ = false;
  storage::BodyAccount::Growing counted_;
};

}  // namespace roktcached::upstream
