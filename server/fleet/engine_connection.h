#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/settings.h"
#include "core/error.h"
#include "core/time.h"
#include "server/fleet/engine_reply.h"

namespace roktcached::fleet {

/// Why the engine cannot be reached.
[[nodiscard]] inline Error engine_unavailable(std::string why) {
  return {ErrorCode::unavailable, true, std::move(why)};
}

/// All that is needed to connect to the engine, built once.
struct EngineAddress {
  /// @throws std::runtime_error naming the setting whose file cannot be used
  explicit EngineAddress(config::Fleet fleet_settings);

  const config::Fleet settings;
  std::string text;                                ///< of the URL, for people
  std::shared_ptr<boost::asio::ssl::context> tls;  ///< null for cleartext
};

/// One connection to the engine: commands go out in the order of their calls, and replies come back in that
/// order. Nothing is queued while it is not open, and nothing is sent twice. Belongs to the upstream thread;
/// kept alive by what is under way on it.
class EngineConnection : public std::enable_shared_from_this<EngineConnection> {
 public:
  /// @param address, clock  outlive it
  /// @param max_reply       bytes of one reply
  EngineConnection(boost::asio::any_io_executor executor, EngineAddress& address, std::size_t max_reply,
                   const Clock& clock);

  /// Connects, makes the TLS handshake, and logs in.
  /// @return unavailable or configuration, with why not
  [[nodiscard]] boost::asio::awaitable<Result<void>> open(SteadyTime due);

  /// Sends a command and waits for its reply; a reply that comes later than `due` is dropped.
  /// @return unavailable if the connection is closed or breaks, upstream_timeout at `due`; a reply that is
  ///         an error is a reply
  [[nodiscard]] boost::asio::awaitable<Result<EngineReply>> call(std::string command, SteadyTime due);

  [[nodiscard]] bool is_open() const { return open_; }
  /// Fails whatever waits for a reply.
  void close(std::string why);

 private:
  struct Waiting {
    explicit Waiting(const boost::asio::any_io_executor& executor) : timer(executor) {}
    boost::asio::steady_timer timer;
    std::optional<Result<EngineReply>> reply;
  };

  [[nodiscard]] boost::asio::awaitable<Result<void>> connect();
  [[nodiscard]] boost::asio::awaitable<Result<void>> log_in(SteadyTime due);
  boost::asio::awaitable<void> write_all();
  boost::asio::awaitable<void> read_all();
  void take_replies();

  boost::asio::any_io_executor executor_;
  EngineAddress& address_;
  const Clock& clock_;
  EngineReplies replies_;
  boost::asio::generic::stream_protocol::socket socket_;
  std::optional<boost::asio::ssl::stream<boost::asio::generic::stream_protocol::socket&>> tls_;
  std::string to_send_;
  bool writing_ = false;
  bool open_ = false;
  std::string why_closed_;
  std::deque<std::shared_ptr<Waiting>> waiting_;
};

}  // namespace roktcached::fleet
