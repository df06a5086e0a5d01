#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <vector>

#include "core/time.h"
#include "server/fleet/crew.h"
#include "server/fleet/engine.h"
#include "server/fleet/whole_bucket.h"
#include "server/upstream/limit/shared_budget.h"

namespace roktcached::fleet {

/// The budget of one credential, which the engine grants (scripts/budget.lua). This instance holds at most
/// two grants, at most a second ahead. Which of its own requests goes first is its own business.
///
/// The engine is not trusted. That it refuses is harmless, since a spent budget would do the same. But
/// whatever it grants, this instance sends no more than all of them together may: that is the rate that it
/// last knew, and the fleet's burst with its two grants. Belongs to the upstream thread.
class FleetBudget final : public upstream::SharedBudget {
 public:
  /// The share of the ceiling that is used, since requests bunch on their way.
  static constexpr double share_of_ceiling = 0.95;
  /// The share of the burst that is used, for the same reason.
  static constexpr double share_of_burst = 0.5;
  /// How long a member counts as present that does not show itself.
  static constexpr std::chrono::milliseconds presence{1300};

  /// @param expected  members, where the settings say how many; else 0
  /// @param owner     names this process among those that wait
  /// All references outlive it.
  FleetBudget(boost::asio::any_io_executor executor, Engine& engine, const Crew& crew, const Members& members,
              std::uint64_t expected, std::string owner, const Clock& clock);

  void start(std::function<void()> changed) override { changed_ = std::move(changed); }
  void change(double requests_per_second, double burst) override;
  /// Without a ceiling there is nothing to share.
  [[nodiscard]] bool together() const override { return engine_.together() && ceiling_ > 0; }
  [[nodiscard]] Alone alone() const override;
  [[nodiscard]] bool take(SteadyTime now) override;
  void give_back(SteadyTime now) override;
  void spent_alone(SteadyTime now) override { whole_.spend(now, whole_rate()); }
  void want(std::size_t waiting, bool can_wait) override;
  [[nodiscard]] std::chrono::nanoseconds until_available(SteadyTime now) const override;
  void on_success(SteadyTime sent_at) override;
  void on_limited(SteadyTime sent_at, std::optional<std::chrono::milliseconds> retry_after) override;
  [[nodiscard]] double rate() const override { return rate_; }
  [[nodiscard]] double burst() const override { return burst_; }
  [[nodiscard]] double available(SteadyTime now) const override;
  [[nodiscard]] bool paused(SteadyTime now) const override { return now < held_until_; }
  [[nodiscard]] std::uint64_t limited() const override { return limited_; }
  [[nodiscard]] std::uint64_t cuts() const override { return cuts_; }

  /// The instance is together now, or alone.
  void linked();
  /// The log says that no request may go for this long. Earlier grants are void.
  void hold(std::chrono::microseconds length);

 private:
  boost::asio::awaitable<void> ask(bool can_wait);
  boost::asio::awaitable<void> tell_limited(SteadyTime sent_at, std::chrono::milliseconds retry_after);
  [[nodiscard]] Words keys() const;
  [[nodiscard]] Words common(std::string_view verb) const;
  void take_in(const EngineReply& reply, SteadyTime now);
  /// A little above the fleet's own rate, as the ceiling is, so that a grant that came late can catch up.
  [[nodiscard]] double whole_rate() const { return rate_ / share_of_ceiling; }

  boost::asio::any_io_executor executor_;
  Engine& engine_;
  const Crew& crew_;
  const Members& members_;
  const std::uint64_t expected_;
  const std::string owner_;
  const Clock& clock_;
  std::function<void()> changed_;
  double ceiling_ = 0;
  double burst_ = 1;
  double rate_ = 0;  // as last heard
  double free_ = 0;  // likewise
  WholeBucket whole_;
  SteadyTime heard_at_;
  std::int64_t engine_us_ = 0;  // the engine's clock at `engine_at_`
  SteadyTime engine_at_;
  std::vector<SteadyTime> granted_;  // when each of them may be used, sorted
  SteadyTime last_grant_ = SteadyTime::min();
  SteadyTime ask_again_at_ = SteadyTime::min();
  SteadyTime held_until_ = SteadyTime::min();
  SteadyTime limited_at_ = SteadyTime::min();
  std::size_t asking_ = 0;
  std::uint64_t accepted_ = 0;  // that the engine has not been told of
  std::uint64_t limited_ = 0;
  std::uint64_t cuts_ = 0;
};

}  // namespace roktcached::fleet
