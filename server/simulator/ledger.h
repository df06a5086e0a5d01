#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace roktcached::simulator {

/// The requests that have come to the simulator: they prove what a proxy in front of it has saved. Not
/// thread-safe.
class Ledger {
 public:
  void received(const std::string& method, const std::string& target) {
    ++total_;
    ++by_target_[method + " " + target];
  }
  /// @param status  0 if a fault cut the answer
  void answered(unsigned status) { ++by_status_[std::to_string(status)]; }
  void minted() { ++tokens_minted_; }
  void clear() { *this = Ledger(); }
  [[nodiscard]] std::string to_json() const;

 private:
  std::uint64_t total_ = 0;
  std::uint64_t tokens_minted_ = 0;
  std::map<std::string, std::uint64_t> by_target_;
  std::map<std::string, std::uint64_t> by_status_;
};

}  // namespace roktcached::simulator
