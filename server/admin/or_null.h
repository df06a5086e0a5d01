#pragma once

#include <boost/json/value.hpp>
#include <chrono>
#include <optional>
#include <string_view>

#include "core/time.h"

namespace roktcached::admin {

// What may be missing, as JSON has it.

/// Null where it is empty.
[[nodiscard]] inline boost::json::value or_null(std::string_view text) {
  if (text.empty()) return nullptr;
  return boost::json::string(text);
}

/// In milliseconds since the Unix epoch.
[[nodiscard]] inline boost::json::value or_null(const std::optional<WallTime>& time) {
  if (!time) return nullptr;
  return unix_ms(*time);
}

/// In milliseconds.
[[nodiscard]] inline boost::json::value or_null(const std::optional<std::chrono::milliseconds>& time) {
  if (!time) return nullptr;
  return time->count();
}

}  // namespace roktcached::admin
