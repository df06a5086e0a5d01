#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/time.h"

namespace roktcached {

/// The result of reading the settings again.
struct ReloadResult {
  std::string error;  ///< what is wrong with them; empty: they are in force, but for `needs_restart`
  std::vector<std::string> changed = {};        ///< keys and tables; see config::Changes
  std::vector<std::string> needs_restart = {};  ///< likewise

  [[nodiscard]] bool succeeded() const { return error.empty(); }
};

/// Reloads, as /status and /metrics show them.
struct ReloadStatus {
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;
  WallTime last_success;   ///< the start, before the first reload
  std::string last_error;  ///< of the last one; empty if it has succeeded
  /// The settings that the last successful reload found changed, and that are not in force.
  std::vector<std::string> needs_restart;
};

/// Reads the settings again when it is asked to, once at a time. If it is asked during a reload, it reads
/// them once more after it: the file may have been changed since it was read. Belongs to the main thread.
class Reloads {
 public:
  using Done = std::function<void(ReloadResult)>;
  /// Reads the settings, puts them in force and calls `done` once, on the main thread.
  using Run = std::function<void(Done done)>;

  /// @param clock  outlives it
  Reloads(boost::asio::any_io_executor executor, Run run, const Clock& clock);

  /// Asks for one, and waits for nothing.
  void request();
  /// Asks for one, and waits until it is over.
  [[nodiscard]] boost::asio::awaitable<ReloadResult> reload();

  [[nodiscard]] const ReloadStatus& status() const { return status_; }

 private:
  struct Waiter;
  using WaitList = std::vector<std::shared_ptr<Waiter>>;

  void begin();
  void ended(ReloadResult result);

  boost::asio::any_io_executor executor_;
  const Run run_;
  const Clock& clock_;
  ReloadStatus status_;
  bool under_way_ = false;
  bool asked_again_ = false;
  WaitList waiting_;  // for the one under way
  WaitList next_;     // for the one after it
};

}  // namespace roktcached
