#include "server/upstream/limit/circuits.h"

#include <algorithm>

namespace roktcached::upstream {

namespace {

/// Whether a gateway or a server that is not up to it has answered (RFC 9110, sections 15.6.3 to 15.6.5).
bool fails_route(unsigned status) {
  return status == 502 || status == 503 || status == 504;
}

}  // namespace

bool Circuits::admit(std::string_view route, SteadyTime now) {
  const auto own = routes_.find(route);
  const bool route_refuses =
      own != routes_.end() && own->second.retry_after(now) > std::chrono::nanoseconds::zero();
  // Neither spends a probe on what the other refuses.
  if (!route_refuses && upstream_.admit(now) == Circuit::Admission::refuse) return false;
  return own == routes_.end() || own->second.admit(now) != Circuit::Admission::refuse;
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
  auto own = routes_.find(route);
  if (own == routes_.end()) own = routes_.try_emplace(std::string(route)).first;
  Circuit& circuit = own->second;
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

const Circuit* Circuits::find(std::string_view route) const {
  const auto found = routes_.find(route);
  return found == routes_.end() ? nullptr : &found->second;
}

}  // namespace roktcached::upstream
