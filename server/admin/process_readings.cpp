#include "server/admin/process_readings.h"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <sstream>
#include <string>
#include <system_error>

namespace roktcached::admin {

namespace {

/// The field of /proc/self/stat with this number, as proc(5) counts; 0 if there is none.
double stat_field(int number) {
  std::ifstream file("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  // The second field, a name in brackets, may hold spaces and brackets.
  const auto end_of_name = text.rfind(')');
  if (end_of_name == std::string::npos) return 0;
  std::istringstream fields(text.substr(end_of_name + 1));
  std::string field;
  for (int i = 3; i <= number && fields >> field; ++i) continue;
  return fields ? std::strtod(field.c_str(), nullptr) : 0;
}

/// When the machine was started, in Unix time.
double boot_time() {
  std::ifstream file("/proc/stat");
  for (std::string name; file >> name;) {
    double value = 0;
    if (name == "btime" && file >> value) return value;
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return 0;
}

double start_time() {
  constexpr int start_field = 22;  // in clock ticks since the machine was started
  const double boot = boot_time();
  return boot > 0 ? boot + stat_field(start_field) / static_cast<double>(::sysconf(_SC_CLK_TCK)) : 0;
}

double seconds(const timeval& time) {
  return std::chrono::duration<double>(std::chrono::seconds{time.tv_sec} +
                                       std::chrono::microseconds{time.tv_usec})
      .count();
}

std::uint64_t count_descriptors() {
  std::error_code error;
  const std::filesystem::directory_iterator listed("/proc/self/fd", error);
  if (error) return 0;
  const auto entries = std::distance(begin(listed), end(listed));
  return static_cast<std::uint64_t>(entries) - 1;  // without that of the listing
}

}  // namespace

ProcessReadings read_process() {
  static const double started_at = start_time();  // a later reading could differ: the clock is set
  ProcessReadings readings{.started_at_s = started_at};
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0)
    readings.cpu_s = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  std::uint64_t virtual_pages = 0;
  std::uint64_t resident_pages = 0;
  if (std::ifstream("/proc/self/statm") >> virtual_pages >> resident_pages) {
    const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    readings.virtual_bytes = virtual_pages * page;
    readings.resident_bytes = resident_pages * page;
  }
  readings.open_descriptors = count_descriptors();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) readings.max_descriptors = limit.rlim_cur;
  return readings;
}

}  // namespace roktcached::admin
