#include "server/status_line.h"

#include <fmt/format.h>

#include "core/printable.h"

namespace roktcached {

namespace {

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<std::size_t>(at), ",");
  return digits;
}

std::string counted(std::uint64_t number, const char* what) {
  return fmt::format("{} {}{}", grouped(number), what, number == 1 ? "" : "s");
}

}  // namespace

std::string status_line(const StatusReadings& readings) {
  std::string line = fmt::format("Serving {}; {} for {}", counted(readings.connections, "connection"),
                                 counted(readings.answers, "answer"),
                                 counted(readings.upstream_requests, "upstream request"));
  for (const std::string& trouble : readings.troubles) line += "; " + trouble;
  return printable(line);
}

}  // namespace roktcached
