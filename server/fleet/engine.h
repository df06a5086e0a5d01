#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "server/fleet/engine_reply.h"
#include "server/fleet/scripts.h"

namespace roktcached::fleet {

using Words = std::vector<std::string>;

/// GCC 12 cannot make a list in braces within an expression that is awaited.
template <class... Texts>
[[nodiscard]] Words words(Texts&&... texts) {
  Words made;
  made.reserve(sizeof...(texts));
  (made.emplace_back(std::forward<Texts>(texts)), ...);
  return made;
}

/// The engine as the classes see it that share something over it. EngineClient implements it, and so does a
/// double in their tests. Belongs to the upstream thread.
class Engine {
 public:
  virtual ~Engine() = default;

  /// Whether the instance is together with the fleet; else it is alone.
  [[nodiscard]] virtual bool together() const = 0;
  /// Whether a request may wait for the engine now.
  [[nodiscard]] virtual bool usable() const = 0;

  /// Waits until the engine was reached for the first time, or could not be.
  [[nodiscard]] virtual boost::asio::awaitable<void> settle() = 0;

  /// Runs a script on the control connection.
  /// @return unavailable or upstream_timeout: the instance acts alone; storage_full if a write was refused
  [[nodiscard]] virtual boost::asio::awaitable<Result<EngineReply>> run(const Script& script, Words keys,
                                                                        Words arguments) = 0;
  /// The same on the connection for what is large, with a deadline for that.
  [[nodiscard]] virtual boost::asio::awaitable<Result<EngineReply>> run_bulk(const Script& script, Words keys,
                                                                             Words arguments) = 0;
  /// A plain command on the connection for what is large.
  [[nodiscard]] virtual boost::asio::awaitable<Result<EngineReply>> read_bulk(Words words) = 0;
  /// A plain command on the log's connection. If it fails, the link is lost.
  [[nodiscard]] virtual boost::asio::awaitable<Result<EngineReply>> follow(
      Words words, std::chrono::milliseconds patience) = 0;

  /// The link is of no use any more.
  virtual void lose(std::string why) = 0;

  /// The longest that a request waits for the engine.
  [[nodiscard]] virtual std::chrono::milliseconds control_timeout() const = 0;
};

}  // namespace roktcached::fleet
