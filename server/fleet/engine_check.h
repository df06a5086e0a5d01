#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"
#include "core/time.h"
#include "server/fleet/engine_connection.h"

namespace roktcached::fleet {

/// Something that is wrong with an engine, and what to do.
struct EngineFinding {
  enum class Weight {
    warning,      ///< instances work with it
    refused,      ///< they stay alone
    unavailable,  ///< nobody answers
  };

  Weight weight = Weight::warning;
  std::string text;  ///< one line
};

/// The facts that an engine states about itself.
struct EngineInfo {
  std::string name = "Redis";
  std::string version = {};  ///< of Redis, or the one that Valkey claims to be like; empty: it does not say
  std::string policy = {};   ///< of eviction
  std::uint64_t max_memory = 0;   ///< bytes; 0: without a bound
  std::uint64_t used_memory = 0;  ///< bytes
  bool is_cluster_node = false;
  bool is_replica = false;
};

/// The command that an engine answers with what read_engine_info() reads.
inline constexpr std::string_view info_words[] = {"INFO", "server", "memory", "replication", "cluster"};

/// Reads the answer of INFO; what does not stand in it is left as it is. Pure.
[[nodiscard]] EngineInfo read_engine_info(std::string_view text);

/// The findings about an engine that says this about itself. Pure.
/// @param skew  how far its clock is ahead of this machine's
[[nodiscard]] std::vector<EngineFinding> findings_of(const EngineInfo& info, std::chrono::milliseconds skew);

/// Connects to the engine as an instance does, looks at it, and tries each right that an instance needs,
/// under keys of its own, which it deletes. Blocks, for some seconds where the engine does not answer.
/// @throws std::runtime_error naming the setting whose file cannot be used
[[nodiscard]] std::vector<EngineFinding> check_engine(const config::Fleet& settings, const Clock& clock);

}  // namespace roktcached::fleet
