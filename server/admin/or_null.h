#pragma once

#include <boost/json/value.hpp>
#include <chrono>
#include <optional>
#include <string_view>

#include "core/time.h"

namespace roktcached::admin {

// Each function makes JSON of a value that may be missing: null stands for a missing one.

/// An empty text is a missing one.
[[nodiscard]] inline boost::json::value or_null(std::string_view text) {
  if (text.empty()) return nullptr;
  return boost::json::string(text);
}

/// The number is in milliseconds since the Unix epoch.
[[nodiscard]] inline boost::json::value or_null(const std::optional<WallTime>& time) {
  if (!time) return nullptr;
  return unix_ms(*time);
}

/// The number is in milliseconds.
[[nodiscard]] inline boost::json::value or_null(const std::optional<std::chrono::milliseconds>& time) {
  if (!time) return nullptr;
  return time->count();
}

}  // namespace roktcached::admin
