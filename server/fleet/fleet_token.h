#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "core/time.h"
#include "server/fleet/crew.h"
#include "server/fleet/engine.h"
#include "server/fleet/fleet_log.h"
#include "server/upstream/token/shared_token.h"

namespace roktcached::fleet {

/// One token for all instances: one of them mints it (scripts/token.lua), the others take it, sealed, from
/// the engine. An instance that is alone mints its own. Belongs to the upstream thread.
class FleetToken final : public upstream::SharedToken {
 public:
  /// All references outlive it.
  FleetToken(boost::asio::any_io_executor executor, Engine& engine, const Crew& crew, std::string owner,
             const Clock& clock);

  void mint_with(upstream::TokenSource& own) override { own_ = &own; }
  [[nodiscard]] boost::asio::awaitable<upstream::FetchedToken> fetch() override;

  /// A token has been minted, or could not be, as the log tells.
  void take(const LogEntry& event);
  /// The engine has been reached, or lost.
  void linked() { event_.cancel(); }
  /// Nothing is minted any more.
  void stop() {
    stopped_ = true;
    event_.cancel();
  }

  [[nodiscard]] std::uint64_t taken() const { return taken_; }

 private:
  [[nodiscard]] boost::asio::awaitable<upstream::FetchedToken> mint(std::string serial);
  [[nodiscard]] boost::asio::awaitable<void> keep(std::string serial);
  [[nodiscard]] upstream::TokenPtr open(const EngineReply& reply);
  [[nodiscard]] std::string bound(std::string_view serial) const;

  const boost::asio::any_io_executor executor_;
  Engine& engine_;
  const Crew& crew_;
  const std::string owner_;
  const Clock& clock_;
  upstream::TokenSource* own_ = nullptr;
  boost::asio::steady_timer event_;
  std::optional<upstream::TokenFailure> failure_;  // that another instance has told of
  std::string serial_ = "0";                       // of the token that this instance has
  std::string minting_;                            // the serial of the mint that is under way
  std::uint64_t heard_ = 0;                        // events of the log
  std::uint64_t taken_ = 0;
  bool stopped_ = false;
};

}  // namespace roktcached::fleet
