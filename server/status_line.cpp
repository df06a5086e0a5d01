#include "server/status_line.h"

#include <fmt/format.h>

#include "core/number.h"
#include "core/printable.h"

namespace roktcached {

namespace {

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
