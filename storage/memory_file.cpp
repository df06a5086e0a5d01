#include "storage/memory_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U  // Linux 6.3
#endif

namespace roktcached::storage {

namespace {

/// Each is a mapping of the process, of which Linux has 65,530 by default (vm.max_map_count), and malloc
/// needs some.
constexpr std::size_t extents_max = 16'384;

/// The file has a lock that who writes holds, and who gives back waits for: a thread that serves clients
/// waits for one piece, and not for megabytes.
constexpr std::size_t piece = std::size_t{256} << 10;

/// The largest page that a file in memory may be made of. Extents begin at one, and are given back to the
/// next: of a large page that is given back in part the kernel wipes that part, though a socket may still
/// send it.
std::uint64_t largest_page(std::uint64_t page) {
  constexpr std::uint64_t entry = 8;  // bytes, in a table of pages that is a page itself
  return page * (page / entry);
}

int open_file() {
  constexpr const char* name = "roktcached-bodies";
  const int file = ::memfd_create(name, MFD_CLOEXEC | MFD_NOEXEC_SEAL);
  return file < 0 && errno == EINVAL ? ::memfd_create(name, MFD_CLOEXEC) : file;
}

}  // namespace

MemoryFile::MemoryFile() : MemoryFile(Descriptor(open_file())) {}

MemoryFile::MemoryFile(Descriptor file)
    : page_(static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))),
      unit_(largest_page(page_)),
      file_(std::move(file)),
      open_(give_back(0, unit_)) {
  if (!open_) file_.close();
}

std::optional<MemoryFile::Extent> MemoryFile::write(std::string_view octets) {
  std::optional<Extent> extent = next(octets.size());
  if (!extent || !write_all(octets, extent->offset_) || takes_too_much()) return std::nullopt;
  // Populated, for it to be counted as resident, and read without a fault.
  void* const mapped = ::mmap(nullptr, octets.size(), PROT_READ, MAP_SHARED | MAP_POPULATE, file_.get(),
                              static_cast<off_t>(extent->offset_));
  if (mapped == MAP_FAILED) return std::nullopt;
  extent->octets_ = static_cast<const char*>(mapped);
  return extent;
}

std::optional<MemoryFile::Extent> MemoryFile::next(std::size_t size) {
  const LockGuard lock(mutex_);
  if (!open_ || extents_ == extents_max) return std::nullopt;
  ++extents_;
  memory_ += memory_of(size);
  const std::uint64_t offset = end_;
  end_ += (size + unit_ - 1) / unit_ * unit_;
  return Extent(*this, offset, size);
}

/// The pages are allocated here, so that no reader of the mapping can be short of memory (SIGBUS).
bool MemoryFile::write_all(std::string_view octets, std::uint64_t offset) const {
  while (!octets.empty()) {
    const ssize_t written =
        ::pwrite(file_.get(), octets.data(), std::min(octets.size(), piece), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    octets.remove_prefix(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return true;
}

/// A machine may be told to make such files of large pages (/sys/kernel/mm/transparent_hugepage/
/// shmem_enabled): then 128 KiB take 2 MiB, which nobody has counted.
bool MemoryFile::takes_too_much() {
  constexpr std::uint64_t block = 512;
  struct stat status {};
  const LockGuard lock(mutex_);
  // Extents that others write or give back meanwhile are still counted.
  const bool known = ::fstat(file_.get(), &status) == 0;
  if (!known || static_cast<std::uint64_t>(status.st_blocks) * block > memory_) open_ = false;
  return !open_;
}

bool MemoryFile::give_back(std::uint64_t offset, std::uint64_t size) const noexcept {
  const std::uint64_t end = offset + size;
  while (offset < end) {  // a unit at a time, as with `piece`
    if (::fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                    static_cast<off_t>(unit_)) == 0) {
      offset += unit_;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

/// Pages that the kernel has not taken back stay in the file, which then takes too much.
void MemoryFile::forget(const Extent& extent) noexcept {
  (void)give_back(extent.offset_, extent.size_);
  const LockGuard lock(mutex_);
  --extents_;
  memory_ -= memory_of(extent.size_);
}

MemoryFile::Extent::~Extent() {
  if (file_ == nullptr) return;
  if (octets_ != nullptr) ::munmap(const_cast<char*>(octets_), size_);
  file_->forget(*this);
}

}  // namespace roktcached::storage
