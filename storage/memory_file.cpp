#include "storage/memory_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U  // Linux 6.3
#endif

namespace roktcached::storage {

namespace {

/// Each is a mapping of the process, of which Linux has 65,530 by default (vm.max_map_count), and malloc
/// needs some.
constexpr std::size_t extents_max = 16'384;

/// The largest page that a file in memory may be made of. Extents begin at one, and are given back to the
/// next: of a large page that is given back in part the kernel wipes that part, though a socket may still
/// send it.
std::uint64_t largest_page() {
  constexpr std::uint64_t entry = 8;  // bytes, in a table of pages that is a page itself
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return page * (page / entry);
}

int open_file() {
  constexpr const char* name = "roktcached-bodies";
  const int file = ::memfd_create(name, MFD_CLOEXEC | MFD_NOEXEC_SEAL);
  return file < 0 && errno == EINVAL ? ::memfd_create(name, MFD_CLOEXEC) : file;
}

}  // namespace

MemoryFile::MemoryFile() : unit_(largest_page()), file_(open_file()) {
  if (!give_back(0, unit_)) file_.close();
}

std::optional<MemoryFile::Extent> MemoryFile::write(std::string_view octets) {
  if (file_.get() < 0) return std::nullopt;
  Extent extent(*this, (octets.size() + unit_ - 1) / unit_ * unit_);
  if (extents_.load(std::memory_order_relaxed) > extents_max) return std::nullopt;
  if (!write_all(octets, extent.offset_)) return std::nullopt;
  // Populated, for it to be counted as resident, and read without a fault.
  void* const mapped = ::mmap(nullptr, octets.size(), PROT_READ, MAP_SHARED | MAP_POPULATE, file_.get(),
                              static_cast<off_t>(extent.offset_));
  if (mapped == MAP_FAILED) return std::nullopt;
  extent.octets_ = {static_cast<const char*>(mapped), octets.size()};
  return extent;
}

/// The pages are allocated here, so that no reader of the mapping can be short of memory (SIGBUS).
bool MemoryFile::write_all(std::string_view octets, std::uint64_t offset) const {
  while (!octets.empty()) {
    const ssize_t written = ::pwrite(file_.get(), octets.data(), octets.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    octets.remove_prefix(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return true;
}

bool MemoryFile::give_back(std::uint64_t offset, std::uint64_t room) const noexcept {
  int failed = -1;
  do {
    failed = ::fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                         static_cast<off_t>(room));
  } while (failed != 0 && errno == EINTR);
  return failed == 0;
}

MemoryFile::Extent::Extent(MemoryFile& file, std::uint64_t room)
    : file_(&file), offset_(file.end_.fetch_add(room, std::memory_order_relaxed)), room_(room) {
  file.extents_.fetch_add(1, std::memory_order_relaxed);
}

MemoryFile::Extent::~Extent() {
  if (file_ == nullptr) return;
  if (!octets_.empty()) ::munmap(const_cast<char*>(octets_.data()), octets_.size());
  (void)file_->give_back(offset_, room_);
  file_->extents_.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace roktcached::storage
