#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace roktcached::simulator {

enum class FaultKind {
  status,           ///< answers with another status
  latency,          ///< answers late
  reset,            ///< resets the connection
  hang,             ///< never answers
  truncate,         ///< closes in the middle of the content
  wrong_length,     ///< sends more content than Content-Length says
  trickle,          ///< sends a few bytes at a time
  malformed_token,  ///< 200 without a token at the token endpoint
  hold,             ///< answers once the faults are set anew or cleared
};

struct Fault {
  std::string path_prefix = "/";
  FaultKind kind = FaultKind::status;
  unsigned status = 503;
  std::chrono::milliseconds latency{200};
  double share = 1;                   ///< of the requests that match
  std::optional<std::uint64_t> left;  ///< how many more requests it meets; empty: until cleared
};

/// Reads the content of `POST /_simulator/faults`.
/// @return invalid_request, naming the field
[[nodiscard]] Result<std::vector<Fault>> parse_faults(std::string_view json);

/// The faults in force; the first that matches a request and whose share it falls into meets it. Not
/// thread-safe.
class Faults {
 public:
  void set(std::vector<Fault> faults) { faults_ = std::move(faults); }
  [[nodiscard]] std::optional<Fault> meet(std::string_view path);

 private:
  std::vector<Fault> faults_;
  std::minstd_rand random_{1};
};

}  // namespace roktcached::simulator
