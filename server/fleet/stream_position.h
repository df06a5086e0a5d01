#pragma once

#include <charconv>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace roktcached::fleet {

/// The place of an event in a stream of the engine's, "MILLISECONDS-NUMBER". Later ones are greater.
struct StreamPosition {
  std::uint64_t time_ms = 0;
  std::uint64_t number = 0;

  friend auto operator<=>(const StreamPosition&, const StreamPosition&) = default;

  /// @return the beginning, "0-0", where `text` is none
  [[nodiscard]] static StreamPosition of(std::string_view text) {
    StreamPosition position;
    const char* const end = text.data() + text.size();
    const auto [dash, error] = std::from_chars(text.data(), end, position.time_ms);
    if (error != std::errc() || dash == end || *dash != '-') return {};
    const auto [rest, second] = std::from_chars(dash + 1, end, position.number);
    return second == std::errc() && rest == end ? position : StreamPosition();
  }
  [[nodiscard]] std::string text() const { return std::to_string(time_ms) + '-' + std::to_string(number); }
};

}  // namespace roktcached::fleet
