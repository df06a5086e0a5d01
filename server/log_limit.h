#pragma once

#include <spdlog/details/log_msg.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace roktcached {

/// Holds back warnings and errors that come again and again, so that a fault that shows in every request
/// fills no disk and hides nothing else: of lines that differ in digits only, or are of the same event, so
/// many are logged in a window of time. What is held back is counted, and said once the window has passed,
/// with the next line that comes. For one thread.
class LogLimit {
 public:
  static constexpr std::size_t lines_max = 20;
  static constexpr std::chrono::seconds window{10};

  /// Lines of one kind that were held back.
  struct HeldBack {
    std::string beginning;  ///< of the first of them
    std::uint64_t lines = 0;
  };

  /// @return whether the line is to be logged
  [[nodiscard]] bool admit(const spdlog::details::log_msg& message);
  /// What was held back in the window that `now` is no more in; that window ends.
  [[nodiscard]] std::vector<HeldBack> ended(spdlog::log_clock::time_point now);

 private:
  /// Beyond that many kinds in one window, nothing is known of the others, and they are logged.
  static constexpr std::size_t kinds_max = 64;
  struct Kind {
    std::uint64_t hash = 0;
    std::size_t lines = 0;
    HeldBack held_back;
  };

  std::vector<Kind> kinds_;
  spdlog::log_clock::time_point ends_at_{};
};

}  // namespace roktcached
