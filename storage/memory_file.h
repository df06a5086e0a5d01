#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "core/descriptor.h"
#include "core/mutex.h"

namespace roktcached::storage {

/// A file in memory without a name, for bodies that are sent from it by sendfile(2): the kernel then takes
/// pages of it, and copies none. Nothing of it outlives the process.
///
/// Written octets never change. No place in the file is used twice, so a page that a socket still holds
/// keeps its octets after its extent has gone.
///
/// Safe from any thread. Outlives its extents.
class MemoryFile {
 public:
  /// A part of the file, mapped for reading. Gives its memory back when it ends.
  class Extent {
   public:
    Extent(Extent&& other) noexcept
        : file_(std::exchange(other.file_, nullptr)),
          offset_(other.offset_),
          size_(other.size_),
          octets_(other.octets_) {}
    Extent& operator=(Extent&&) = delete;
    ~Extent();

    [[nodiscard]] std::string_view octets() const { return {octets_, size_}; }
    [[nodiscard]] FilePlace place() const { return {file_->descriptor(), offset_}; }

   private:
    friend class MemoryFile;
    Extent(MemoryFile& file, std::uint64_t offset, std::size_t size)
        : file_(&file), offset_(offset), size_(size) {}

    MemoryFile* file_;  // null: moved from
    std::uint64_t offset_;
    std::size_t size_;
    const char* octets_ = nullptr;  // null: not mapped yet
  };

  /// If the kernel gives no such file, or takes no part of it back, every write fails.
  MemoryFile();
  /// @param file  empty, of a file system in memory
  explicit MemoryFile(Descriptor file);
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  /// Copies `octets` into the file.
  /// @param octets  at least one
  /// @return nothing if that is not possible: no memory, a limit, too many extents. It is never possible
  ///          again once the file takes more memory than its extents have
  [[nodiscard]] std::optional<Extent> write(std::string_view octets);

  /// For reading; -1 where there is no file.
  [[nodiscard]] int descriptor() const { return file_.get(); }

 private:
  [[nodiscard]] std::optional<Extent> next(std::size_t size);
  [[nodiscard]] bool write_all(std::string_view octets, std::uint64_t offset) const;
  [[nodiscard]] bool takes_too_much();
  [[nodiscard]] bool give_back(std::uint64_t offset, std::uint64_t size) const noexcept;
  void forget(const Extent& extent) noexcept;
  /// The memory that octets take in the file, in bytes.
  [[nodiscard]] std::uint64_t memory_of(std::size_t size) const { return (size + page_ - 1) / page_ * page_; }

  const std::uint64_t page_;
  const std::uint64_t unit_;  // extents begin at multiples of it
  Descriptor file_;
  Mutex mutex_;
  bool open_ GUARDED_BY(mutex_);  // for more extents
  std::uint64_t end_ GUARDED_BY(mutex_) = 0;
  std::size_t extents_ GUARDED_BY(mutex_) = 0;
  std::uint64_t memory_ GUARDED_BY(mutex_) = 0;  // of the extents, in bytes
};

}  // namespace roktcached::storage
