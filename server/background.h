#pragma once

#include <spdlog/spdlog.h>

#include <exception>
#include <string_view>

namespace roktcached {

/// The completion handler of every coroutine that is spawned and not awaited: what escapes it is a bug, and
/// is logged.
/// @param what  what the coroutine was doing; a string literal
[[nodiscard]] inline auto logging_failure(std::string_view what) {
  return [what](const std::exception_ptr& failure) {
    if (!failure) return;
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& exception) {
      spdlog::error("{} failed unexpectedly: {}", what, exception.what());
    } catch (...) {
      spdlog::error("{} failed unexpectedly", what);
    }
  };
}

}  // namespace roktcached
