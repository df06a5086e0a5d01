#include "storage/slab_memory.h"

#include <cstddef>
#include <new>

namespace roktcached::storage {

namespace {

bool is_small(std::size_t bytes, std::size_t alignment) {
  return bytes <= SlabMemory::largest_block && alignment <= alignof(void*);
}

}  // namespace

struct SlabMemory::Block {
  Slab* slab;
  Block* next_free;  // while it is not used; what is kept in the block begins here

  static Block& of(void* memory) {
    return *reinterpret_cast<Block*>(static_cast<char*>(memory) - offsetof(Block, next_free));
  }
};

SlabMemory::Slab& SlabMemory::Slab::make(std::pmr::memory_resource& upstream, std::size_t block_size) {
  const std::size_t blocks = (largest_slab - sizeof(Slab)) / block_size;
  const std::size_t size = sizeof(Slab) + blocks * block_size;
  return *new (upstream.allocate(size, alignof(Slab))) Slab(size, block_size);
}

void SlabMemory::Slab::give_back(std::pmr::memory_resource& upstream, Slab& slab) {
  const std::size_t size = slab.size_;
  slab.~Slab();
  upstream.deallocate(&slab, size, alignof(Slab));
}

SlabMemory::Slab& SlabMemory::Slab::of(void* memory) {
  return *Block::of(memory).slab;
}

void* SlabMemory::Slab::take() {
  ++used_;
  Block* block = free_;
  if (block != nullptr) {
    free_ = block->next_free;
  } else {
    block = reinterpret_cast<Block*>(reinterpret_cast<char*>(this) + untouched_);
    untouched_ += block_size_;
    block->slab = this;
  }
  return &block->next_free;
}

void SlabMemory::Slab::put_back(void* memory) {
  --used_;
  Block& block = Block::of(memory);
  block.next_free = free_;
  free_ = &block;
}

void* SlabMemory::do_allocate(std::size_t bytes, std::size_t alignment) {
  if (!is_small(bytes, alignment)) return upstream_.allocate(bytes, alignment);
  const std::size_t units = (bytes + sizeof(void*) + unit - 1) / unit;
  const LockGuard lock(mutex_);
  Slabs& slabs = with_room_[units];
  if (slabs.empty()) {
    slabs.push_front(Slab::make(upstream_, units * unit));
    change_unused(slabs.front().size(), 0);
  }
  Slab& slab = slabs.front();
  change_unused(0, slab.block_size());
  void* const memory = slab.take();
  if (slab.is_full()) slabs.pop_front();
  return memory;
}

/// A slab that was full comes first: it is filled up again, and others may become empty.
void SlabMemory::do_deallocate(void* memory, std::size_t bytes, std::size_t alignment) {
  if (!is_small(bytes, alignment)) return upstream_.deallocate(memory, bytes, alignment);
  const LockGuard lock(mutex_);
  Slab& slab = Slab::of(memory);
  Slabs& slabs = with_room_[slab.block_size() / unit];
  if (slab.is_full()) slabs.push_front(slab);
  slab.put_back(memory);
  change_unused(slab.block_size(), 0);
  if (!slab.is_empty()) return;
  change_unused(0, slab.size());
  slabs.erase(slabs.iterator_to(slab));
  Slab::give_back(upstream_, slab);
}

void keep_responses_in_slabs() {
#ifndef __SANITIZE_ADDRESS__                   // which is to see the end of each block
  static SlabMemory& slabs = *new SlabMemory;  // never given back: responses may live as long as the process
  std::pmr::set_default_resource(&slabs);
#endif
}

const SlabMemory* slabs_of_responses() {
  return dynamic_cast<const SlabMemory*>(std::pmr::get_default_resource());
}

}  // namespace roktcached::storage
