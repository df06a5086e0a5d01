#include "server/fleet/fleet_budget.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <utility>

#include "server/asio.h"
#include "server/background.h"

namespace roktcached::fleet {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

namespace {

constexpr std::size_t most_grants = 2;
constexpr milliseconds furthest_grant{1000};
/// A grant that was not used for so long is void: used later, it would come on top of the grants of others.
constexpr milliseconds grant_lasts{100};
constexpr std::chrono::minutes longest_wait{5};
/// How many values the budget's script returns.
constexpr std::size_t budget_values = 7;
/// As the script has it, requests per second.
constexpr double lowest_rate = 1.0 / 60;
constexpr milliseconds shortest_pause{20};
constexpr milliseconds retry_of_refreshes{250};

}  // namespace

FleetBudget::FleetBudget(asio::any_io_executor executor, Engine& engine, const Crew& crew,
                         const Members& members, std::uint64_t expected, std::string owner,
                         const Clock& clock)
    : executor_(std::move(executor)),
      engine_(engine),
      crew_(crew),
      members_(members),
      expected_(expected),
      owner_(std::move(owner)),
      clock_(clock) {}

void FleetBudget::change(double requests_per_second, double burst) {
  ceiling_ = requests_per_second * share_of_ceiling;
  burst_ = std::max(1.0, std::floor(burst * share_of_burst));
  rate_ = rate_ > 0 ? std::min(rate_, ceiling_) : ceiling_;
  whole_.set_capacity(burst_ + static_cast<double>(most_grants));
}

/// The rate that the fleet has learned, by the members that it had. Each may send one at once only where all
/// of them together would have had that.
upstream::SharedBudget::Alone FleetBudget::alone() const {
  const SteadyTime now = clock_.steady_now();
  const double members = static_cast<double>(std::max({members_.known, expected_, std::uint64_t{1}}));
  const bool free = heard_at_ == SteadyTime() ? members <= burst_ : available(now) >= members;
  return {.rate = rate_ / members, .one_at_once = free, .from = std::max({now, last_grant_, held_until_})};
}

bool FleetBudget::take(SteadyTime now) {
  std::erase_if(granted_, [now](SteadyTime due) { return due + grant_lasts < now; });
  if (now < held_until_ || granted_.empty() || granted_.front() > now) return false;
  if (!whole_.take(now, whole_rate())) return false;
  granted_.erase(granted_.begin());
  return true;
}

void FleetBudget::give_back(SteadyTime now) {
  whole_.give_back();
  granted_.insert(granted_.begin(), now);
}

void FleetBudget::want(std::size_t waiting, bool can_wait) {
  const SteadyTime now = clock_.steady_now();
  if (!engine_.usable() || now < ask_again_at_ || now < held_until_) return;
  const std::size_t wanted = std::min(waiting, most_grants);
  // An engine that is found lost has answered before this comes round again.
  while (engine_.usable() && now >= ask_again_at_ && granted_.size() + asking_ < wanted) {
    ++asking_;
    asio::co_spawn(executor_, ask(can_wait), logging_failure("asking the fleet for a turn"));
  }
}

asio::awaitable<void> FleetBudget::ask(bool can_wait) {
  struct Asked {  // one that is under way, however it ends
    explicit Asked(std::size_t& of) : asking(of) {}
    ~Asked() { --asking; }
    Asked(const Asked&) = delete;
    Asked& operator=(const Asked&) = delete;
    std::size_t& asking;
  };
  std::optional<Asked> asked(std::in_place, asking_);
  Words arguments = common("reserve");
  arguments.push_back(std::to_string(furthest_grant.count()));
  arguments.emplace_back(can_wait ? "1" : "0");
  arguments.push_back(std::to_string(std::exchange(accepted_, 0)));
  arguments.push_back(owner_);
  const auto reply = co_await engine_.run(budget_script, keys(), std::move(arguments));
  asked.reset();
  const SteadyTime now = clock_.steady_now();
  if (reply && reply->items.size() < budget_values) engine_.lose("what it says of the budget is no answer");
  if (!reply || reply->items.size() < budget_values) {
    ask_again_at_ = now + shortest_pause;  // alone by then, or the engine lives
    if (changed_) changed_();
    co_return;
  }
  take_in(*reply, now);
  const auto wait = reply->length_at<microseconds>(1, longest_wait);
  if (reply->number_at(0) == 1 && wait <= furthest_grant) {
    const SteadyTime due = now + wait;
    granted_.insert(std::ranges::upper_bound(granted_, due), due);
    last_grant_ = std::max(last_grant_, due);
  } else {
    const milliseconds beyond = std::chrono::ceil<milliseconds>(wait) - furthest_grant / 2;
    ask_again_at_ = now + std::clamp(beyond, can_wait ? retry_of_refreshes : shortest_pause,
                                     std::max(furthest_grant, retry_of_refreshes));
  }
  if (changed_) changed_();
}

Words FleetBudget::keys() const {
  return words(crew_.budget_key, crew_.members_key, crew_.log_key, crew_.waiting_key, crew_.asked_key);
}

Words FleetBudget::common(std::string_view verb) const {
  return {std::string(verb),
          fmt::format("{:.6f}", ceiling_),
          fmt::format("{:.0f}", burst_),
          fmt::format("{:.6f}", rate_),
          std::to_string(std::max(members_.known, expected_)),
          std::to_string(presence.count())};
}

void FleetBudget::take_in(const EngineReply& reply, SteadyTime now) {
  heard_at_ = now;
  if (const std::int64_t due = reply.number_at(2); due > 0) {
    engine_us_ = due - reply.length_at<microseconds>(1, longest_wait).count();
    engine_at_ = now;
  }
  const double rate_before = whole_rate();
  if (const double rate = reply.real_at(3); rate > 0) rate_ = std::min(std::max(rate, lowest_rate), ceiling_);
  whole_.refill(now, std::max(rate_before, whole_rate()));
  free_ = std::clamp(reply.real_at(4), 0.0, burst_);
  limited_ = static_cast<std::uint64_t>(std::max<std::int64_t>(reply.number_at(5), 0));
  cuts_ = static_cast<std::uint64_t>(std::max<std::int64_t>(reply.number_at(6), 0));
}

nanoseconds FleetBudget::until_available(SteadyTime now) const {
  // If the fleet has been asked, its answer will wake those who wait. Until then no request is refused
  // because of a wait whose length is not known.
  const SteadyTime next = !granted_.empty()
                              ? std::max(granted_.front(), now + whole_.until_available(now, whole_rate()))
                              : std::max(ask_again_at_, now + shortest_pause);
  return std::max<nanoseconds>(std::max(next, held_until_) - now, nanoseconds::zero());
}

double FleetBudget::available(SteadyTime now) const {
  if (paused(now)) return 0;
  if (heard_at_ == SteadyTime()) return burst_;
  const double since = std::chrono::duration<double>(now - heard_at_).count();
  return std::min({free_ + since * rate_, burst_, whole_.available(now, whole_rate())});
}

/// A request that was accepted before the last 429 that this instance knows of says nothing about the rate
/// after it.
void FleetBudget::on_success(SteadyTime sent_at) {
  if (limited_ > 0 && sent_at > limited_at_) ++accepted_;
}

void FleetBudget::on_limited(SteadyTime sent_at, std::optional<milliseconds> retry_after) {
  const SteadyTime now = clock_.steady_now();
  limited_at_ = std::max(limited_at_, sent_at);
  const milliseconds pause = retry_after.value_or(milliseconds::zero());
  if (pause > milliseconds::zero()) hold(pause);
  asio::co_spawn(executor_, tell_limited(sent_at, pause), logging_failure("telling the fleet of a 429"));
  ask_again_at_ = std::max(ask_again_at_, now);
}

asio::awaitable<void> FleetBudget::tell_limited(SteadyTime sent_at, milliseconds retry_after) {
  const auto ago = std::chrono::duration_cast<microseconds>(engine_at_ - sent_at);
  Words arguments = common("limited");
  arguments.push_back(std::to_string(engine_us_ - ago.count()));
  arguments.push_back(std::to_string(retry_after.count()));
  arguments.push_back(std::to_string(std::exchange(accepted_, 0)));
  arguments.emplace_back(log_length);
  const auto reply = co_await engine_.run(budget_script, keys(), std::move(arguments));
  if (reply) take_in(*reply, clock_.steady_now());
}

/// Grants from an earlier time together are void: an instance that was alone has spent its part since.
void FleetBudget::linked() {
  if (engine_.together()) granted_.clear();
  ask_again_at_ = SteadyTime::min();
  if (changed_) changed_();
}

void FleetBudget::hold(microseconds length) {
  constexpr std::chrono::minutes longest{5};
  granted_.clear();
  held_until_ = std::max(
      held_until_, clock_.steady_now() + std::clamp<microseconds>(length, microseconds::zero(), longest));
  if (changed_) changed_();
}

}  // namespace roktcached::fleet
