#include "server/commands/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "core/http/octets.h"

namespace roktcached::commands {

std::string size_text(std::uint64_t bytes) {
  static constexpr std::array<const char*, 5> units = {"B", "KiB", "MiB", "GiB", "TiB"};
  constexpr double step = 1024;
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; size >= step && unit + 1 < units.size(); ++unit) size /= step;
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", size, units.at(unit));
}

std::string duration_text(std::chrono::milliseconds duration) {
  struct Unit {
    const char* name;
    std::int64_t seconds;
  };
  static constexpr std::array<Unit, 4> units = {{{"d", 86'400}, {"h", 3'600}, {"min", 60}, {"s", 1}}};
  std::int64_t left = std::max<std::int64_t>(duration.count() / 1000, 0);
  std::string text;
  int parts = 0;
  for (const Unit& unit : units) {
    const std::int64_t count = left / unit.seconds;
    if (count == 0 && parts == 0 && unit.seconds > 1) continue;
    if (count > 0 || parts == 0) text += fmt::format("{}{} {}", parts > 0 ? " " : "", count, unit.name);
    left %= unit.seconds;
    if (++parts == 2) break;
  }
  return text;
}

std::string utc_text(WallTime time) {
  const auto seconds =
      static_cast<std::time_t>(std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count());
  std::tm utc{};
  if (::gmtime_r(&seconds, &utc) == nullptr) return std::to_string(seconds);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &utc)};
}

std::string share_text(std::uint64_t part, std::uint64_t whole) {
  constexpr double percent = 100;
  if (whole == 0) return "-";
  return fmt::format("{:.1f} %", percent * static_cast<double>(part) / static_cast<double>(whole));
}

std::string fitted(std::string line, std::size_t width) {
  if (line.size() <= width) return line;
  line.resize(width - 3);
  return line += "...";
}

std::string query_value(std::string_view text) {
  std::string value;
  for (const char c : text) {
    if (http::is_unreserved(c)) {
      value += c;
    } else {
      value += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return value;
}

}  // namespace roktcached::commands
