#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "config/settings.h"
#include "core/time.h"
#include "server/upstream/limit/allowance.h"
#include "server/upstream/limit/fair_queue.h"
#include "server/upstream/limit/turn.h"
#include "server/upstream/upstream.h"

namespace roktcached::upstream {

/// A credential's budget, as /status shows it.
struct BudgetStatus {
  double rate = 0;  ///< requests per second as learned; 0: no limit
  double ceiling = 0;
  double available = 0;  ///< requests that could go at once
  bool paused = false;   ///< a Retry-After is being obeyed
  std::uint64_t burst = 0;
  std::uint64_t in_flight = 0;
  std::uint64_t max_concurrent = 0;
  std::uint64_t queued = 0;
  std::uint64_t max_queued = 0;
  std::uint64_t limited = 0;                   ///< 429s so far
  std::uint64_t cuts = 0;                      ///< of the rate, so far
  std::uint64_t refused = 0;                   ///< requests that were not let through so far
  std::map<std::string, std::size_t> waiting;  ///< by client
};

/// Lets requests through to the upstream, one credential's: no more at a time and no more a second than the
/// budget and the learned limit allow, in the order of FairQueue. A request that cannot hope for a turn
/// before its deadline is told at once.
///
/// Belongs to the upstream thread; outlives whoever waits in it and every permit.
class Admission {
 public:
  /// The right to have one request under way, given back at its end.
  class Permit {
   public:
    Permit() = default;
    Permit(Admission& admission, SteadyTime since, const Turn& turn)
        : admission_(&admission), since_(since), turn_(&turn) {}
    Permit(Permit&& other) noexcept
        : admission_(std::exchange(other.admission_, nullptr)), since_(other.since_), turn_(other.turn_) {}
    Permit& operator=(Permit&& other) noexcept {
      std::swap(admission_, other.admission_);
      std::swap(since_, other.since_);
      std::swap(turn_, other.turn_);
      return *this;
    }
    ~Permit() {
      if (admission_ != nullptr) give_back(admission_->clock_.steady_now());
    }
    /// Its request has ended. Once given back, it is none any more.
    void give_back(SteadyTime now) {
      if (auto* const admission = std::exchange(admission_, nullptr)) admission->release(*turn_, since_, now);
    }
    /// Gives it back for a request that nobody waits for: nothing is learned from it.
    /// @param sent  else the rate that it has taken is given back, too
    void cancel(bool sent) {
      if (auto* const admission = std::exchange(admission_, nullptr)) admission->cancel(*turn_, sent);
    }

   private:
    Admission* admission_ = nullptr;
    SteadyTime since_;
    const Turn* turn_ = nullptr;
  };
  using Admitted = boost::system::result<Permit, UpstreamFailure>;

  /// @param credential  its name, for messages
  /// @param shared      what a fleet spends together, and outlives it; null: no fleet
  Admission(boost::asio::any_io_executor executor, const config::Budget& budget, std::string credential,
            const Clock& clock, SharedBudget* shared = nullptr);

  /// Goes on under another budget. A request that waits already keeps its place and its weight.
  void change(config::Budget budget);

  /// Lets a request through that need not wait; nothing if it must.
  /// @param turn  outlives the permit
  [[nodiscard]] std::optional<Permit> admit_now(Turn& turn, SteadyTime now);

  /// Waits for a turn, in every place that `turn` has or gets meanwhile: after admit_now has given none.
  /// @param turn   outlives the wait and the permit
  /// @param route  Route::name, for give_up
  /// @return upstream_budget_exhausted, with the time after which asking again is worth it; client_gone where
  ///         nobody waits any more
  [[nodiscard]] boost::asio::awaitable<Admitted> admit(Turn& turn, std::string_view route);

  /// A request that was let through may have nobody left who waits for it. If somebody waits for its place,
  /// the oldest such request is abandoned.
  void make_room();

  /// Learns about the limit from the upstream's answer to a request that was let through.
  /// @param retry_after  of a 429
  void on_answer(unsigned status, SteadyTime sent_at, SteadyTime now,
                 std::optional<std::chrono::milliseconds> retry_after);

  /// Answers with `failure` everybody who waits, or everybody who waits for this route.
  void give_up(const UpstreamFailure& failure, std::optional<std::string_view> route = std::nullopt);

  /// Whether a request that can wait would take nothing from one that cannot: no request waits, and half of
  /// what may go at once is free.
  [[nodiscard]] bool idle() const;
  [[nodiscard]] BudgetStatus status() const;

 private:
  struct Waiter;
  using WaiterPtr = std::shared_ptr<Waiter>;

  void serve();
  void serve_or_retry() noexcept;
  void serve_at(SteadyTime time);
  void release(const Turn& turn, SteadyTime since, SteadyTime now) noexcept;
  void cancel(const Turn& turn, bool sent) noexcept;
  void end(const Turn& turn) noexcept;
  [[nodiscard]] bool is_full() const { return under_way_.size() >= budget_.max_concurrent; }
  [[nodiscard]] std::optional<UpstreamFailure> take_place(const WaiterPtr& waiter, const Turn::Place& place,
                                                          SteadyTime deadline);
  void register_place(const WaiterPtr& waiter, FairQueue::Handle place);
  void lose_place(FairQueue::Handle handle, const UpstreamFailure& failure);
  void leave(const WaiterPtr& waiter);
  [[nodiscard]] double weight_of(std::string_view client) const;
  [[nodiscard]] double rate_served() const;
  [[nodiscard]] std::chrono::milliseconds expected_wait(std::string_view client, Priority priority) const;
  [[nodiscard]] UpstreamFailure refusal(std::chrono::milliseconds wait) const;

  boost::asio::any_io_executor executor_;
  config::Budget budget_;
  const std::string credential_;
  const Clock& clock_;
  std::map<std::string, double, std::less<>> weights_;
  Allowance limit_;
  FairQueue queue_;
  std::unordered_map<FairQueue::Handle, WaiterPtr> waiters_;  // each by all its places
  boost::asio::steady_timer next_turn_;
  std::vector<Turn*> under_way_;  // of the requests that were let through, the oldest first
  double service_s_ = 0;          // how long a request is under way, a moving average; 0: not known yet
  std::uint64_t refused_ = 0;
};

}  // namespace roktcached::upstream
