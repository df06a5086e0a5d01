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
/// fills no disk and hides nothing else. Lines that differ only in digits, or are of the same event, are of
/// one kind: a window of time takes so many of a kind. Lines that are held back are counted, and reported
/// with the next line after the window. For one thread.
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
  /// The lines that were held back in a window that is over at `now`; that window ends.
  [[nodiscard]] std::vector<HeldBack> ended(spdlog::log_clock::time_point now);

 private:
  /// How many kinds are known in one window. Lines of further kinds are all logged.
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
