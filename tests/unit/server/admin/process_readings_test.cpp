#include "server/admin/process_readings.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <ctime>

namespace roktcached::admin {
namespace {

TEST(ProcessReadings, AreThisProcesss) {
  const ProcessReadings readings = read_process();
  EXPECT_GT(readings.started_at_s, 1'600'000'000);
  EXPECT_LE(readings.started_at_s, static_cast<double>(std::time(nullptr)) + 1);
  EXPECT_EQ(readings.started_at_s, read_process().started_at_s);
  EXPECT_GT(readings.cpu_s, 0);
  EXPECT_GT(readings.resident_bytes, 1'000'000U);
  EXPECT_GT(readings.virtual_bytes, readings.resident_bytes);
  EXPECT_GE(readings.max_descriptors, readings.open_descriptors);
}

TEST(ProcessReadings, CountWhatIsOpen) {
  const std::uint64_t before = read_process().open_descriptors;
  const int descriptor = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ASSERT_GE(descriptor, 0);
  EXPECT_EQ(read_process().open_descriptors, before + 1);
  ::close(descriptor);
  EXPECT_EQ(read_process().open_descriptors, before);
}

}  // namespace
}  // namespace roktcached::admin
