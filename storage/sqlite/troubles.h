#pragma once

#include <array>
#include <chrono>
#include <string>
#include <string_view>

#include "core/mutex.h"
#include "storage/sqlite/private_file.h"

namespace roktcached::storage {

/// The troubles that keep the disk tier from its work now, for /readyz and for the log. A disk that fails a
/// thousand times a second is one line in half a minute. Safe from any thread.
class Troubles {
 public:
  /// The gravest first.
  enum class Kind { file, reading, writing, log, checkpoint };

  /// @param path  of the cache file, which each line begins with
  Troubles(std::string path, OperatorLog report) : path_(std::move(path)), report_(std::move(report)) {}

  /// A trouble has begun, or is still there. It is said now, unless this kind was said in the last half
  /// minute.
  void begin(Kind kind, std::string_view why);
  /// A trouble has passed. `good` is said if there was one.
  void end(Kind kind, std::string_view good);
  /// Says what went wrong once and is no lasting trouble, no more often than that.
  void mention(Kind kind, std::string_view what);
  [[nodiscard]] bool has(Kind kind) const;
  [[nodiscard]] bool any() const;
  /// The reason of the gravest trouble; empty: there is none.
  [[nodiscard]] std::string gravest() const;

 private:
  struct Trouble {
    bool active = false;
    bool said = false;
    std::string why;
    std::chrono::steady_clock::time_point quiet_until{};
    std::chrono::steady_clock::time_point mentioned_until{};
  };
  static constexpr std::size_t kinds = 5;
  void say(std::string_view what) const;

  const std::string path_;
  const OperatorLog report_;
  mutable Mutex mutex_;
  std::array<Trouble, kinds> troubles_ GUARDED_BY(mutex_);
};

}  // namespace roktcached::storage
