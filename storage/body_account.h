#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace roktcached::storage {

/// Counts the bytes of all bodies that are held anywhere, and bounds them. Safe from any thread.
class BodyAccount {
 public:
  /// @param bound  bytes
  explicit BodyAccount(std::uint64_t bound) : bound_(bound) {}

  /// The bytes of an answer that is still arriving, counted for as long as this lives.
  class Growing {
   public:
    explicit Growing(BodyAccount& account) : account_(account) {}
    ~Growing() { remove(bytes_); }
    Growing(const Growing&) = delete;
    Growing& operator=(const Growing&) = delete;

    /// @return false where the bound leaves no room; nothing is added then
    [[nodiscard]] bool add(std::size_t bytes) {
      if (account_.bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes > account_.bound_) {
        account_.bytes_.fetch_sub(bytes, std::memory_order_relaxed);
        return false;
      }
      bytes_ += bytes;
      return true;
    }
    void remove(std::size_t bytes) {
      bytes_ -= bytes;
      account_.bytes_.fetch_sub(bytes, std::memory_order_relaxed);
    }

   private:
    BodyAccount& account_;
    std::size_t bytes_ = 0;
  };

 private:
  const std::uint64_t bound_;
  std::atomic<std::uint64_t> bytes_{0};
};

}  // namespace roktcached::storage
