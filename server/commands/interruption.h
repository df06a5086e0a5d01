#pragma once

#include <array>
#include <csignal>

namespace roktcached::commands {

/// While it lives, SIGINT, SIGTERM and SIGHUP are noted instead of ending the process, and break off calls
/// that wait. One at a time.
class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  [[nodiscard]] bool came() const { return *flag() != 0; }
  [[nodiscard]] const volatile std::sig_atomic_t* flag() const;

 private:
  static constexpr std::array signals = {SIGINT, SIGTERM, SIGHUP};
  std::array<struct sigaction, signals.size()> before_{};
};

}  // namespace roktcached::commands
