#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/caching/body.h"
#include "storage/memory_file.h"

namespace roktcached::storage {

/// Counts the bytes of all bodies of answers that are held anywhere, and bounds them: in memory, growing,
/// being sent, queued for the disk or read from it. A body counts once, from when it is made until nobody
/// holds it any more. To hold it once more, as a hit does, costs nothing here.
///
/// Safe from any thread, without a lock. Outlives every body that it counts.
class BodyAccount {
 private:
  class Counted;
  class CountedWithOctets;
  struct CountedText;
  struct CountedInFile;

 public:
  using Body = caching::BodyPtr;

  /// The size from which a body is kept in the file. A shorter one is sent as fast from where it is.
  static constexpr std::size_t worth_a_file = std::size_t{128} << 10;

  /// @param bound  bytes
  /// @param file   for long bodies that are sent often, see keep(); outlives all bodies. Null: there is none
  explicit BodyAccount(std::uint64_t bound, MemoryFile* file = nullptr) : bound_(bound), file_(file) {}
  BodyAccount(const BodyAccount&) = delete;
  BodyAccount& operator=(const BodyAccount&) = delete;

  /// Asks the slowest client to give way, which lets go of the bytes of its answer.
  /// @return whether somebody does, so that there may be room in a moment
  using GiveWay = std::function<bool()>;
  /// Sets the function that is called if there is no room, on the thread that wants some. Call it before
  /// there are other threads.
  void when_short(GiveWay give_way) { give_way_ = std::move(give_way); }

  enum class Room {
    there,  ///< it has been taken
    soon,   ///< there is none yet, but something gives way: ask once more in a moment
    none,   ///< there is none, and nothing gives way
  };

  /// The bytes of a body that is still arriving, or is about to be read: counted for as long as this lives,
  /// or until it becomes a body. Used by one thread at a time.
  class Growing {
   public:
    /// Counts nothing.
    Growing() = default;
    explicit Growing(BodyAccount& account) : account_(&account) {}
    /// @param account  null: counts nothing
    explicit Growing(BodyAccount* account) : account_(account) {}
    ~Growing() { remove(bytes_); }
    Growing(Growing&& other) noexcept;
    Growing& operator=(Growing&& other) noexcept;

    /// @return false if the bound leaves no room: nothing is added then, and the slowest client gives way
    [[nodiscard]] bool add(std::size_t bytes) { return ask(bytes) == Room::there; }
    /// The same, and says whether it is of use to ask again.
    [[nodiscard]] Room ask(std::size_t bytes);
    /// As add, for something that can be done without: nobody gives way to it.
    [[nodiscard]] bool try_add(std::size_t bytes);
    void remove(std::size_t bytes) noexcept;
    [[nodiscard]] std::size_t bytes() const { return bytes_; }

    /// Makes a body of `body`. It is counted from here on, in place of what was added, even if there is no
    /// room for it.
    [[nodiscard]] Body share(std::string body);
    /// The same, for a body that is about to be stored. A long one goes into the file if there is room for it
    /// twice for a moment. That takes as long as to copy it.
    [[nodiscard]] Body keep(std::string body);

   private:
    [[nodiscard]] Body become(Body counted);
    [[nodiscard]] std::optional<MemoryFile::Extent> copy_to_file(std::string_view body);

    BodyAccount* account_ = nullptr;
    std::size_t bytes_ = 0;
  };

  /// Bytes, at some moment.
  struct Reading {
    std::uint64_t all = 0;      ///< of all bodies
    std::uint64_t growing = 0;  ///< of those, what is still arriving
    std::uint64_t bound = 0;
    std::uint64_t refused = 0;  ///< how often there was no room, and nothing that gave way
  };
  [[nodiscard]] Reading read() const;

 private:
  [[nodiscard]] bool take(std::size_t bytes) noexcept;

  const std::uint64_t bound_;
  MemoryFile* const file_;
  GiveWay give_way_;
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> growing_{0};
  std::atomic<std::uint64_t> refused_{0};
};

}  // namespace roktcached::storage
