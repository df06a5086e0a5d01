#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <memory_resource>
#include <utility>

namespace roktcached::caching {

/// Gives std::allocate_shared its one allocation, and makes it longer. An object is the last thing in what
/// allocate_shared asks for, so the room is right behind it. The memory is
/// std::pmr::get_default_resource()'s: that stays the same one for as long as such objects live.
template <class T>
struct WithRoomBehind {
  using value_type = T;
  explicit WithRoomBehind(std::size_t size) : room(size) {}
  template <class U>
  explicit WithRoomBehind(const WithRoomBehind<U>& other) : room(other.room) {}

  T* allocate(std::size_t count) {
    void* const bytes = std::pmr::get_default_resource()->allocate(count * sizeof(T) + room, alignof(T));
    return static_cast<T*>(bytes);
  }
  void deallocate(T* object, std::size_t count) {
    std::pmr::get_default_resource()->deallocate(object, count * sizeof(T) + room, alignof(T));
  }
  template <class U>
  bool operator==(const WithRoomBehind<U>&) const {
    return true;
  }

  std::size_t room;  // bytes
};

/// Makes a shared object with free room behind it, in one allocation.
/// @param room  the size of the room, in bytes; room_behind() finds it
template <class T, class... Arguments>
[[nodiscard]] std::shared_ptr<T> share_with_room(std::size_t room, Arguments&&... arguments) {
  return std::allocate_shared<T>(WithRoomBehind<T>(room), std::forward<Arguments>(arguments)...);
}

/// @param shared  was made by share_with_room<T>
/// @return where the room behind it begins
template <class T>
[[nodiscard]] char* room_behind(T& shared) {
  return reinterpret_cast<char*>(&shared + 1);
}

/// The control block of a std::shared_ptr takes so many bytes: its virtual table and two counts.
constexpr std::size_t control_block = 16;

/// An allocation of `size` bytes takes so many in malloc and in a SlabMemory: one word more, rounded up to
/// sixteen.
constexpr std::size_t allocated(std::size_t size) {
  constexpr std::size_t unit = 16;
  return std::max((size + sizeof(void*) + unit - 1) / unit * unit, 2 * unit);
}

/// @return the bytes that share_with_room takes
template <class T>
constexpr std::size_t memory_with_room(std::size_t room) {
  return allocated(control_block + sizeof(WithRoomBehind<T>) + sizeof(T) + room);
}

}  // namespace roktcached::caching
