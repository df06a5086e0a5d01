#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "core/descriptor.h"

namespace roktcached::storage {

/// A file in memory without a name, for bodies that are sent from it by sendfile(2): the kernel then takes
/// pages of it, and copies none. Nothing of it outlives the process.
///
/// What was written never changes. No place in the file is used twice, so a page that a socket still holds
/// keeps its octets after its extent has gone.
///
/// Safe from any thread. Outlives its extents.
class MemoryFile {
 public:
  /// Octets in the file, mapped for reading. Gives their memory back when it ends.
  class Extent {
   public:
    Extent(Extent&& other) noexcept
        : file_(std::exchange(other.file_, nullptr)),
          offset_(other.offset_),
          room_(other.room_),
          octets_(std::exchange(other.octets_, {})) {}
    Extent& operator=(Extent&&) = delete;
    ~Extent();

    [[nodiscard]] std::string_view octets() const { return octets_; }
    [[nodiscard]] FilePlace place() const { return {file_->descriptor(), offset_}; }

   private:
    friend class MemoryFile;
    Extent(MemoryFile& file, std::uint64_t room);

    MemoryFile* file_;  // null: moved from
    std::uint64_t offset_;
    std::uint64_t room_;  // in the file; more than the octets take
    std::string_view octets_;
  };

  /// Where the kernel gives no such file, or takes no part of it back, every write fails.
  MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  /// Copies `octets` there.
  /// @param octets  at least one
  /// @return nothing where that is not possible: no memory, a limit, too many extents
  [[nodiscard]] std::optional<Extent> write(std::string_view octets);

  /// For reading; -1 where there is no file.
  [[nodiscard]] int descriptor() const { return file_.get(); }

 private:
  [[nodiscard]] bool write_all(std::string_view octets, std::uint64_t offset) const;
  bool give_back(std::uint64_t offset, std::uint64_t room) const noexcept;

  const std::uint64_t unit_;
  Descriptor file_;
  std::atomic<std::uint64_t> end_{0};
  std::atomic<std::size_t> extents_{0};
};

}  // namespace roktcached::storage
