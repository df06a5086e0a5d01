#include "server/upstream/limit/circuit.h"

#include <algorithm>

namespace roktcached::upstream {

namespace {
constexpr std::size_t failures_in_a_row = 8;
constexpr std::size_t outcomes_considered = 20;
constexpr std::chrono::minutes outcomes_count_for{1};
constexpr std::chrono::seconds between_probes{1};
}  // namespace

Circuit::Admission Circuit::admit(SteadyTime now) {
  if (state_ == State::closed) return Admission::pass;
  if (now < next_probe_at_) {
    ++refused_;
    return Admission::refuse;
  }
  next_probe_at_ = now + between_probes;
  ++probes_;
  return Admission::probe;
}

void Circuit::record(bool ok, SteadyTime sent_at, SteadyTime now) {
  if (sent_at < changed_at_) return;
  if (state_ == State::open) {
    if (ok) change_to(State::closed, now);
    return;
  }
  remember(ok, now);
  if (!ok && looks_dead()) change_to(State::open, now);
}

std::chrono::nanoseconds Circuit::retry_after(SteadyTime now) const {
  if (state_ == State::closed || now >= next_probe_at_) return std::chrono::nanoseconds::zero();
  return next_probe_at_ - now;
}

void Circuit::remember(bool ok, SteadyTime now) {
  latest_.push_back({ok, now});
  if (latest_.size() > outcomes_considered) latest_.pop_front();
  while (now - latest_.front().at > outcomes_count_for) latest_.pop_front();
}

bool Circuit::looks_dead() const {
  const auto failed = [](const CacheOutcome& outcome) { return !outcome.ok; };
  const auto last_ok = std::find_if_not(latest_.rbegin(), latest_.rend(), failed);
  const auto in_a_row = static_cast<std::size_t>(last_ok - latest_.rbegin());
  const auto all = static_cast<std::size_t>(std::ranges::count_if(latest_, failed));
  return in_a_row >= failures_in_a_row && 2 * all >= latest_.size();
}

void Circuit::change_to(State state, SteadyTime now) {
  state_ = state;
  changed_at_ = now;
  latest_.clear();
  if (state == State::closed) return;
  next_probe_at_ = now + between_probes;
  ++opened_;
}

}  // namespace roktcached::upstream
