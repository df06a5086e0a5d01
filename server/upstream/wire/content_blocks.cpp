#include "server/upstream/wire/content_blocks.h"

#include <algorithm>

namespace roktcached::upstream {

void ContentBlocks::append(std::string_view piece) {
  if (piece.empty()) return;
  if (blocks_.empty() || blocks_.back().capacity - blocks_.back().size < piece.size()) {
    const std::size_t capacity = std::max<std::uint64_t>(piece.size(), std::min(block_, bytes()));
    blocks_.push_back(
        {.begin = end_, .bytes = std::make_shared_for_overwrite<char[]>(capacity), .capacity = capacity});
  }
  Block& block = blocks_.back();
  short_of_room_ = !counted_.add(piece.size());
  if (!short_of_room_) block.counted += piece.size();
  std::ranges::copy(piece, block.bytes.get() + block.size);
  block.size += piece.size();
  end_ += piece.size();
}

ContentBytes ContentBlocks::from(std::uint64_t position) const {
  const auto behind = std::ranges::upper_bound(blocks_, position, {}, &Block::begin);
  const Block& block = *std::prev(behind);
  const std::string_view bytes(block.bytes.get(), block.size);
  return {block.bytes, bytes.substr(position - block.begin)};
}

std::string ContentBlocks::content() const {
  std::string content;
  content.reserve(bytes());
  for (const Block& block : blocks_) content.append(block.bytes.get(), block.size);
  return content;
}

bool ContentBlocks::first_ends_before(std::uint64_t position) const {
  return !blocks_.empty() && blocks_.front().begin + blocks_.front().size <= position;
}

bool ContentBlocks::first_is_growing() const {
  return blocks_.size() == 1 && blocks_.front().size < blocks_.front().capacity;
}

void ContentBlocks::drop_first() {
  counted_.remove(blocks_.front().counted);
  blocks_.pop_front();
  if (blocks_.empty()) short_of_room_ = false;
}

}  // namespace roktcached::upstream
