#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

namespace roktcached::caching {

/// Immutable text in the eight bytes of a pointer. A stored response has seven texts: what std::string needs
/// besides, in order to grow, would take as much memory as the texts themselves.
///
/// It owns its bytes, or they stand in the allocation of the object that it is a member of (see share). A
/// copy may outlive that object: it owns bytes of its own then, and else shares those that are owned. Texts
/// that share bytes may be used by several threads.
class Text {
 public:
  Text() = default;
  template <class T>
  requires std::convertible_to<const T&, std::string_view> Text(const T& text)
      : bytes_(owned_copy(std::string_view(text))) {}  // implicit, as for std::string
  Text(const Text& other) : bytes_(other.owns() ? other.hold() : owned_copy(other.view())) {}
  Text(Text&& other) noexcept
      : bytes_(other.is_others() ? owned_copy(other.view()) : std::exchange(other.bytes_, nullptr)) {}
  Text& operator=(Text other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Text() {
    if (owns()) let_go();
  }

  [[nodiscard]] std::string_view view() const {
    return bytes_ == nullptr ? std::string_view() : std::string_view(start() + sizeof(Size), size());
  }
  operator std::string_view() const { return view(); }
  [[nodiscard]] std::size_t size() const {
    if (bytes_ == nullptr) return 0;
    Size size = 0;
    std::memcpy(&size, start(), sizeof size);
    return size;
  }
  [[nodiscard]] bool empty() const { return bytes_ == nullptr; }
  void clear() { *this = Text(); }

  template <class T>
  requires std::convertible_to<const T&, std::string_view>
  friend bool operator==(const Text& left, const T& right) { return left.view() == std::string_view(right); }

  /// How many bytes move_to takes.
  [[nodiscard]] std::size_t room() const { return room_for(view()); }
  /// From now on it stands at `place`, which outlives it. @return the first byte behind it
  /// @pre place is even
  char* move_to(char* place);
  /// From now on it is `text`, and stands at `place`, as with move_to.
  char* write_to(char* place, std::string_view text);
  /// How many bytes write_to takes.
  [[nodiscard]] static std::size_t room_for(std::string_view text) {
    const std::size_t bytes = text.empty() ? 0 : sizeof(Size) + text.size();
    return bytes + bytes % alignment;
  }

 private:
  using Size = std::uint32_t;
  /// The lowest bit of the address tells whether the bytes are owned.
  static constexpr std::size_t alignment = 2;

  /// Of bytes that are owned: in front of their size.
  using Holders = std::atomic<std::uint32_t>;

  static char* owned_copy(std::string_view text);
  static char* write(char* bytes, std::string_view text);
  [[nodiscard]] bool owns() const { return bytes_ != nullptr && !is_others(); }
  [[nodiscard]] bool is_others() const { return start() != bytes_; }
  [[nodiscard]] Holders& holders() const;
  [[nodiscard]] char* hold() const;
  void let_go() noexcept;
  [[nodiscard]] const char* start() const {
    return bytes_ - reinterpret_cast<std::uintptr_t>(bytes_) % alignment;
  }

  char* bytes_ = nullptr;  // the size, then the text; one byte further if others own it; null: empty
};

}  // namespace roktcached::caching
