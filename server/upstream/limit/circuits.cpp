#include "server/upstream/limit/circuits.h"

#include <algorithm>

namespace roktcached::upstream {

namespace {

constexpr std::size_t failures_in_a_row = 8;
constexpr std::size_t outcomes_considered = 20;
constexpr std::chrono::minutes outcomes_count_for{1};
constexpr std::chrono::seconds between_probes{1};

/// Whether a gateway or a server that is not up to it has answered (RFC 9110, sections 15.6.3 to 15.6.5).
bool fails_route(unsigned status) {
  return status == 502 || status == 503 || status == 504;
}

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
  const auto failed = [](const Outcome& outcome) { return !outcome.ok; };
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

bool Circuits::admit(std::string_view route, SteadyTime now) {
  Circuit& own = of(route);
  const bool route_refuses = own.retry_after(now) > std::chrono::nanoseconds::zero();
  // Neither spends a probe on what the other refuses.
  if (!route_refuses && upstream_.admit(now) == Circuit::Admission::refuse) return false;
  return own.admit(now) != Circuit::Admission::refuse;
}

Circuits::Change Circuits::record(std::string_view route, unsigned status, SteadyTime sent_at,
                                  SteadyTime now) {
  const bool answered = status != 0;
  const Circuit::State before = upstream_.state();
  upstream_.record(answered, sent_at, now);
  Change change = Change::none;
  if (answered) change = record_answer(route, status, sent_at, now);  // else nothing is known of the route
  if (upstream_.state() == before) return change;
  return before == Circuit::State::closed ? Change::upstream_opened : Change::upstream_closed;
}

Circuits::Change Circuits::record_answer(std::string_view route, unsigned status, SteadyTime sent_at,
                                         SteadyTime now) {
  Circuit& circuit = of(route);
  const Circuit::State before = circuit.state();
  circuit.record(!fails_route(status), sent_at, now);
  if (circuit.state() == before) return Change::none;
  return before == Circuit::State::closed ? Change::route_opened : Change::route_closed;
}

std::chrono::nanoseconds Circuits::retry_after(std::string_view route, SteadyTime now) const {
  const Circuit* const own = find(route);
  const auto for_route = own != nullptr ? own->retry_after(now) : std::chrono::nanoseconds::zero();
  return std::max(upstream_.retry_after(now), for_route);
}

bool Circuits::is_open(std::string_view route) const {
  const Circuit* const own = find(route);
  return upstream_.state() == Circuit::State::open ||
         (own != nullptr && own->state() == Circuit::State::open);
}

std::vector<std::string> Circuits::open_routes() const {
  std::vector<std::string> open;
  for (const auto& [route, circuit] : routes_) {
    if (circuit.state() == Circuit::State::open) open.push_back(route);
  }
  std::ranges::sort(open);
  return open;
}

Circuit& Circuits::of(std::string_view route) {
  if (last_ == nullptr || last_->first != route) {
    auto own = routes_.find(route);
    if (own == routes_.end()) own = routes_.try_emplace(std::string(route)).first;
    last_ = &*own;
  }
  return last_->second;
}

const Circuit* Circuits::find(std::string_view route) const {
  if (last_ != nullptr && last_->first == route) return &last_->second;
  const auto found = routes_.find(route);
  return found == routes_.end() ? nullptr : &found->second;
}

}  // namespace roktcached::upstream
