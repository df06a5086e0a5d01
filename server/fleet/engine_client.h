#pragma once

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "config/settings.h"
#include "core/error.h"
#include "core/time.h"
#include "server/counters/counter.h"
#include "server/fleet/engine.h"
#include "server/fleet/engine_connection.h"
#include "server/fleet/engine_reply.h"
#include "server/fleet/scripts.h"

namespace roktcached::fleet {

/// How an engine does, as /status shows it.
struct EngineStatus {
  bool together = false;
  std::string trouble;           ///< why the instance is alone; empty: it is not
  std::uint64_t connected = 0;   ///< how often the engine was reached
  std::uint64_t calls = 0;       ///< commands that were answered
  std::uint64_t timeouts = 0;    ///< commands that were not answered in time
  std::uint64_t refused = 0;     ///< writes that a full engine refused
  std::uint64_t errors = 0;      ///< other errors that it has answered, and connections lost meanwhile
  Histogram::Reading took = {};  ///< by the answered commands
  double typical_ms = 0;         ///< the median of the latest commands
  double slow_ms = 0;            ///< their 99th percentile
};

/// The way to the engine. There are three connections: for control, for what is large, and for the log, so
/// that four megabytes never hold up a budget. The instance is together with the fleet, or alone. It is alone
/// after a connection was lost, or after two commands in a row were not answered in time. Then no request
/// waits for the engine, and once a second it is tried again. Belongs to the upstream thread.
class EngineClient final : public Engine {
 public:
  /// Begins what the instance does with a fleet that it has just reached.
  /// @return false if it cannot: the instance stays alone
  using Greet = std::function<boost::asio::awaitable<bool>()>;

  /// @param max_reply  bytes of an answer that another instance has fetched
  /// @param clock      outlives it
  /// @throws std::runtime_error naming the setting whose file cannot be used
  EngineClient(boost::asio::any_io_executor executor, config::Fleet settings, std::size_t max_reply,
               const Clock& clock);

  /// @param greet    called for each new link, before it counts
  /// @param changed  called when together() has changed
  void start(Greet greet, std::function<void()> changed);
  void stop();

  [[nodiscard]] bool together() const override { return together_; }
  [[nodiscard]] bool usable() const override { return together_ && !doubtful_; }
  [[nodiscard]] boost::asio::awaitable<void> settle() override;
  [[nodiscard]] boost::asio::awaitable<Result<EngineReply>> run(const Script& script, Words keys,
                                                                Words arguments) override;
  [[nodiscard]] boost::asio::awaitable<Result<EngineReply>> run_bulk(const Script& script, Words keys,
                                                                     Words arguments) override;
  [[nodiscard]] boost::asio::awaitable<Result<EngineReply>> read_bulk(Words words) override;
  [[nodiscard]] boost::asio::awaitable<Result<EngineReply>> follow(
      Words words, std::chrono::milliseconds patience) override;
  void lose(std::string why) override;
  [[nodiscard]] std::chrono::milliseconds control_timeout() const override {
    return address_.settings.control_timeout;
  }

  /// A plain command on the connection for what is large. An error is no reason to go on alone: it only means
  /// that the engine does not allow to ask.
  [[nodiscard]] boost::asio::awaitable<Result<EngineReply>> ask(Words words);

  [[nodiscard]] const EngineAddress& address() const { return address_; }
  [[nodiscard]] EngineStatus status() const;

 private:
  using Link = std::shared_ptr<EngineConnection>;
  static constexpr std::size_t latest = 512;

  void begin_linking();
  boost::asio::awaitable<void> keep_linked();
  [[nodiscard]] boost::asio::awaitable<Result<void>> connect();
  [[nodiscard]] boost::asio::awaitable<Result<EngineReply>> run_on(Link link, const Script& script,
                                                                   Words keys, Words arguments,
                                                                   std::chrono::milliseconds patience);
  [[nodiscard]] boost::asio::awaitable<Result<EngineReply>> timed(Link link, std::string command,
                                                                  std::chrono::milliseconds patience);
  [[nodiscard]] Result<EngineReply> judged(Result<EngineReply> reply);
  void doubt(SteadyTime due);
  boost::asio::awaitable<void> ask_whether_alive(SteadyTime due);
  void set_together(bool together);

  boost::asio::any_io_executor executor_;
  EngineAddress address_;
  const std::size_t max_reply_;
  const Clock& clock_;
  Greet greet_;
  std::function<void()> changed_;
  Link control_;
  Link bulk_;
  Link log_;
  boost::asio::steady_timer pause_;  // while linked: until the link is lost; else until the next attempt
  boost::asio::steady_timer settled_;
  bool is_settled_ = false;
  bool linking_ = false;  // the engine is greeted: scripts run, and nobody else may wait
  bool together_ = false;
  bool doubtful_ = false;
  int bulk_timeouts_ = 0;  // in a row
  bool stopped_ = false;
  bool warned_of_full_ = false;
  EngineStatus counted_;
  Histogram took_;
  std::array<float, latest> took_ms_{};
  std::map<std::string_view, std::string> shas_;  // of scripts, by their names
};

}  // namespace roktcached::fleet
