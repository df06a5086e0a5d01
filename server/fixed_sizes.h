#pragma once

#include <algorithm>
#include <cstddef>
#include <thread>

#include "config/settings.h"

namespace roktcached {

/// Numbers that no setting changes: how many of each the daemon has.
inline constexpr std::size_t reader_threads = 2;
inline constexpr std::size_t helper_threads = 2;
/// A client thread that finds no reader of the cache file free asks a reader thread, as it does for a look-up
/// that must wait.
inline constexpr std::size_t client_threads_with_reader = 8;
inline constexpr std::size_t max_admin_connections = 64;
inline constexpr std::size_t max_health_connections = 64;

[[nodiscard]] inline std::size_t client_thread_count(const config::Listen& settings) {
  return settings.threads > 0 ? settings.threads : std::max(1U, std::thread::hardware_concurrency());
}

/// Connections that read the cache file.
[[nodiscard]] inline std::size_t cache_readers(std::size_t client_threads) {
  return reader_threads + std::min(client_threads, client_threads_with_reader);
}

}  // namespace roktcached
