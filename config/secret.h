#pragma once

#include <cstring>
#include <string>
#include <utility>

namespace roktcached::config {

/// A string that must not get out: it has no operator<<, no conversion and no formatter, so that printing one
/// does not compile, and it wipes its memory when it goes. The caller of reveal() answers for the copy.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept : value_(other.value_) { other.wipe(); }
  Secret& operator=(const Secret& other) {
    if (this != &other) {
      wipe();
      value_ = other.value_;
    }
    return *this;
  }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      wipe();
      value_ = other.value_;
      other.wipe();
    }
    return *this;
  }
  ~Secret() { wipe(); }

  [[nodiscard]] const std::string& reveal() const { return value_; }
  [[nodiscard]] bool empty() const { return value_.empty(); }

 private:
  void wipe() {
    explicit_bzero(value_.data(), value_.size());
    value_.clear();
  }

  std::string value_;
};

}  // namespace roktcached::config
