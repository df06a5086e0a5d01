#include "storage/memory_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/unit/storage/examples.h"

namespace roktcached::storage {
namespace {

using examples::mebibyte;
using examples::noise;

/// A lower limit of this process, while this lives.
class Limited {
 public:
  Limited(__rlimit_resource what, rlim_t most) : what_(what) {
    EXPECT_EQ(::getrlimit(what_, &before_), 0);
    const rlimit lower{most, before_.rlim_max};
    EXPECT_EQ(::setrlimit(what_, &lower), 0);
  }
  ~Limited() { EXPECT_EQ(::setrlimit(what_, &before_), 0); }
  Limited(const Limited&) = delete;
  Limited& operator=(const Limited&) = delete;

 private:
  const __rlimit_resource what_;
  rlimit before_{};
};

/// Bytes of memory that a file takes.
std::size_t memory_of(const MemoryFile& file) {
  struct stat status {};
  EXPECT_EQ(::fstat(file.descriptor(), &status), 0);
  constexpr std::size_t block = 512;
  return static_cast<std::size_t>(status.st_blocks) * block;
}

class MemoryFileTest : public testing::Test {
 protected:
  [[nodiscard]] std::size_t taken() const { return memory_of(file); }
  [[nodiscard]] std::string read(const FilePlace& place, std::size_t size) const {
    std::string text(size, '\0');
    EXPECT_EQ(::pread(place.descriptor, text.data(), size, static_cast<off_t>(place.offset)),
              static_cast<ssize_t>(size));
    return text;
  }

  MemoryFile file;
};

TEST_F(MemoryFileTest, HasTheOctetsInMemoryAndInTheFile) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{4096}, std::size_t{131'073}, 5 * mebibyte}) {
    const std::string octets = noise(size, 1);
    const auto extent = file.write(octets);
    ASSERT_TRUE(extent);
    EXPECT_TRUE(extent->octets() == octets) << size;
    EXPECT_TRUE(read(extent->place(), size) == octets) << size;
  }
}

/// It has a bound for those that are there at once.
TEST_F(MemoryFileTest, HoldsAnyNumberOneAfterTheOther) {
  constexpr int more_than_at_once = 17'000;
  for (int i = 0; i < more_than_at_once; ++i) ASSERT_TRUE(file.write("{}")) << i;
  EXPECT_EQ(taken(), 0U);
}

TEST_F(MemoryFileTest, GivesBackTheMemoryOfWhatHasGone) {
  EXPECT_EQ(taken(), 0U);
  std::optional<MemoryFile::Extent> first = file.write(noise(mebibyte, 1));
  const auto second = file.write(noise(3 * mebibyte, 2));
  EXPECT_EQ(taken(), 4 * mebibyte);
  std::optional<MemoryFile::Extent> moved(std::move(*first));
  first.reset();
  EXPECT_EQ(taken(), 4 * mebibyte);
  moved.reset();
  EXPECT_EQ(taken(), 3 * mebibyte);
  EXPECT_TRUE(second->octets() == noise(3 * mebibyte, 2));
}

TEST_F(MemoryFileTest, UsesNoPlaceTwice) {
  std::set<std::uint64_t> places;
  for (std::uint64_t i = 0; i < 100; ++i) {
    const auto extent = file.write(noise(5000, i));
    ASSERT_TRUE(extent);
    EXPECT_TRUE(places.insert(extent->place().offset).second);
    EXPECT_TRUE(file.write("another")) << "that goes at once";
  }
}

TEST_F(MemoryFileTest, WhatASocketStillHoldsKeepsItsOctets) {
  const std::string octets = noise(65'536, 1);
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const Descriptor from(ends[0]);
  const Descriptor to(ends[1]);
  {
    const auto extent = file.write(octets);
    ASSERT_TRUE(extent);
    auto offset = static_cast<off_t>(extent->place().offset);
    ASSERT_EQ(::sendfile(from.get(), extent->place().descriptor, &offset, octets.size()),
              static_cast<ssize_t>(octets.size()));
  }
  EXPECT_EQ(taken(), 0U);
  const auto next = file.write(noise(65'536, 2));
  std::string received(octets.size(), '\0');
  ASSERT_EQ(::recv(to.get(), received.data(), received.size(), MSG_WAITALL),
            static_cast<ssize_t>(received.size()));
  EXPECT_TRUE(received == octets);
}

TEST_F(MemoryFileTest, TakesNothingWhereItCannotWrite) {
  const auto before = file.write(noise(mebibyte, 1));
  ASSERT_TRUE(before);
  std::signal(SIGXFSZ, SIG_IGN);
  {
    // Behind what is there, so that a part of the octets can still be written.
    const Limited size(RLIMIT_FSIZE, before->place().offset + 2 * mebibyte + 65'536);
    EXPECT_FALSE(file.write(noise(mebibyte, 2)));
    EXPECT_EQ(taken(), mebibyte) << "the part that was written is given back";
  }
  EXPECT_TRUE(file.write("again"));
}

TEST(MemoryFileWithoutADescriptor, TakesNothing) {
  const Limited none(RLIMIT_NOFILE, 0);
  MemoryFile file;
  EXPECT_EQ(file.descriptor(), -1);
  EXPECT_FALSE(file.write("text"));
}

/// A file in memory under a policy of large pages, as shmem_enabled sets it for all of a machine's.
/// @return -1: this process may mount nothing, or the kernel has no large pages
Descriptor file_of_large_pages(const char* policy) {
  const Descriptor context(::fsopen("tmpfs", FSOPEN_CLOEXEC));
  if (::fsconfig(context.get(), FSCONFIG_SET_STRING, "huge", policy, 0) != 0) return Descriptor(-1);
  if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) return Descriptor(-1);
  const Descriptor mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
  return Descriptor(::openat(mount.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR));
}

/// The kernel may be short of large pages, and give small ones: those are taken.
TEST(MemoryFileOfLargePages, TakesNoMoreMemoryThanItsExtentsHave) {
  for (const char* const policy : {"always", "within_size", "never"}) {
    Descriptor large = file_of_large_pages(policy);
    if (large.get() < 0) GTEST_SKIP() << "takes the right to mount";
    ASSERT_EQ(::ftruncate(large.get(), 100 * mebibyte), 0);  // "within_size" is for what lies before the end
    MemoryFile file(std::move(large));
    std::vector<std::optional<MemoryFile::Extent>> held;
    std::size_t written = 0;
    for (const std::size_t size : {std::size_t{131'072}, 4 * mebibyte, 5 * mebibyte, std::size_t{262'144}}) {
      const bool was_open = held.empty() || held.back();
      held.push_back(file.write(noise(size, 1)));
      if (!held.back()) continue;
      EXPECT_TRUE(was_open) << "it learns once, for good";
      written += size;
      EXPECT_LE(memory_of(file), written) << policy << ' ' << size;
    }
    EXPECT_LE(memory_of(file), written) << policy;
    held.clear();
    EXPECT_EQ(memory_of(file), 0U) << policy;
  }
}

TEST_F(MemoryFileTest, IsOfThisProcessAlone) {
  EXPECT_EQ(::fcntl(file.descriptor(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST_F(MemoryFileTest, ManyThreadsWriteAtOnce) {
  constexpr std::uint64_t threads = 4;
  std::vector<std::thread> writers;
  for (std::uint64_t thread = 0; thread < threads; ++thread) {
    writers.emplace_back([this, thread] {
      for (std::uint64_t i = 0; i < 50; ++i) {
        const std::string octets = noise(20'000, 100 * thread + i);
        const auto extent = file.write(octets);
        ASSERT_TRUE(extent);
        EXPECT_TRUE(extent->octets() == octets);
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(taken(), 0U);
}

}  // namespace
}  // namespace roktcached::storage
