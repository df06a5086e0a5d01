#include "server/upstream/limit/fair_queue.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace roktcached::upstream {

namespace {

/// Virtual times are sums of fractions; what differs by less is a tie.
constexpr double tie = 1e-9;

/// Below this, one request would keep its client waiting for as long as all others ask.
constexpr double lowest_weight = 1e-3;

/// How many of `waiting` requests, the first at `start` and then one every 1/weight, come before `at`.
double served_before(double at, double start, double weight, std::size_t waiting, bool wins_ties) {
  const double steps = (at - start) * weight;
  const double before = wins_ties ? std::floor(steps + tie) + 1 : std::ceil(steps - tie);
  return std::clamp(before, 0.0, static_cast<double>(waiting));
}

}  // namespace

FairQueue::Pushed FairQueue::push(Request request) {
  Pushed pushed;
  if (size() >= max_queued_) pushed.refused = make_room(request, pushed.displaced);
  if (!pushed.refused) pushed.queued = enqueue(std::move(request));
  return pushed;
}

std::optional<FairQueue::Refusal> FairQueue::make_room(const Request& request,
                                                       std::optional<Handle>& displaced) {
  if (max_queued_ == 0) return Refusal::no_queue;
  auto priority = Priority::refresh_ahead;
  while (size(priority) == 0) priority = static_cast<Priority>(static_cast<int>(priority) - 1);
  if (request.priority > priority) return Refusal::more_urgent;

  Lane& crowded = lane(priority);
  const auto [most, heaviest] = *crowded.by_length.rbegin();
  if (request.priority == priority) {
    const auto own = crowded.clients.find(request.client);
    const std::size_t own_waiting = own == crowded.clients.end() ? 0 : own->second.requests.size();
    if (own_waiting + 1 >= most) return Refusal::client_share;
  }
  displaced = crowded.clients.find(heaviest)->second.requests.back();
  take_out(entries_.find(*displaced));
  return std::nullopt;
}

FairQueue::Handle FairQueue::enqueue(Request request) {
  Lane& into = lane(request.priority);
  const auto client = into.clients.try_emplace(std::move(request.client)).first;
  Client& who = client->second;
  const Handle handle = ++last_handle_;
  // All memory first; what follows cannot fail.
  std::list<Handle> place{handle};
  decltype(into.turns) new_turn{{0, 0, client}};
  decltype(into.by_length) new_length{{0, client->first}};
  const auto entry =
      entries_.emplace(handle, Entry{request.priority, client, place.begin(), request.deadline}).first;
  try {
    deadlines_.emplace(request.deadline, handle);
  } catch (...) {
    entries_.erase(entry);
    throw;
  }

  Standing standing = leave_out(into, client);
  if (!standing.turn) standing.turn = new_turn.extract(new_turn.begin());
  if (!standing.length) standing.length = new_length.extract(new_length.begin());
  if (who.requests.empty()) {
    who.start = std::max(who.start, into.virtual_time);
    who.turn = ++last_turn_;
  }
  who.weight = std::max(lowest_weight, request.weight);
  who.requests.splice(who.requests.end(), place);
  take_in(into, client, std::move(standing));
  ++into.size;
  return handle;
}

std::optional<FairQueue::Handle> FairQueue::pop(SteadyTime now) {
  set_late_aside(now);
  for (Lane& from : lanes_) {
    if (from.size > 0) return serve_next(from);
  }
  return std::nullopt;
}

FairQueue::Handle FairQueue::serve_next(Lane& from) {
  const auto client = from.turns.begin()->client;
  const Handle handle = client->second.requests.front();
  from.virtual_time = client->second.start;
  Standing standing = leave_out(from, client);
  client->second.start += 1 / client->second.weight;
  take_in(from, client, std::move(standing));
  take_out(entries_.find(handle));
  return handle;
}

std::vector<FairQueue::Handle> FairQueue::expire(SteadyTime now) {
  set_late_aside(now);
  std::vector<Handle> expired;
  expired.reserve(late_.size());
  for (const auto& [deadline, handle] : late_) expired.push_back(handle);
  late_.clear();
  return expired;
}

void FairQueue::set_late_aside(SteadyTime now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const auto first = deadlines_.begin();
    const Handle late = first->second;
    late_.insert(deadlines_.extract(first));
    take_out(entries_.find(late));
  }
}

bool FairQueue::remove(Handle handle) {
  const auto entry = entries_.find(handle);
  if (entry == entries_.end()) {
    return std::erase_if(late_, [handle](const auto& late) { return late.second == handle; }) > 0;
  }
  take_out(entry);
  return true;
}

/// A request that is taken out without being served leaves its client's start as it is: nobody pays for what
/// has not been served.
void FairQueue::take_out(Entries::iterator entry) {
  const auto [priority, client, position, deadline] = entry->second;
  Lane& from = lane(priority);
  Standing standing = leave_out(from, client);
  client->second.requests.erase(position);
  take_in(from, client, std::move(standing));
  --from.size;
  deadlines_.erase({deadline, entry->first});
  entries_.erase(entry);
  forget_idle(from);
}

void FairQueue::take_in(Lane& into, Clients::iterator client, Standing standing) {
  const Client& who = client->second;
  standing.turn.value() = {who.start, who.turn, client};
  if (who.requests.empty()) {
    into.idle.insert(std::move(standing.turn));
  } else {
    into.turns.insert(std::move(standing.turn));
    standing.length.value() = {who.requests.size(), client->first};
    into.by_length.insert(std::move(standing.length));
  }
}

/// @return nothing for a client that is new
FairQueue::Standing FairQueue::leave_out(Lane& from, Clients::iterator client) {
  const Client& who = client->second;
  if (who.requests.empty()) return {from.idle.extract({who.start, who.turn, client}), {}};
  return {from.turns.extract({who.start, who.turn, client}),
          from.by_length.extract({who.requests.size(), client->first})};
}

/// A client whose last request has ended in virtual time would start anew at the same point, and when nobody
/// waits there is nobody to be fair to. Should very many clients come one after the other, those are
/// forgotten first that owe the least.
void FairQueue::forget_idle(Lane& of) const {
  const bool nobody_waits = of.size == 0;
  while (!of.idle.empty()) {
    const auto first = of.idle.begin();
    if (!nobody_waits && first->start > of.virtual_time && of.idle.size() <= max_queued_) return;
    of.clients.erase(first->client);
    of.idle.erase(first);
  }
  if (nobody_waits) of.virtual_time = 0;
}

std::chrono::milliseconds FairQueue::expected_wait(std::string_view client, double weight, Priority priority,
                                                   double rate, double available_tokens) const {
  double before = 0;
  for (const Lane& urgent : lanes_) {
    if (&urgent == &lane(priority)) break;
    before += static_cast<double>(urgent.size);
  }
  const Lane& among = lane(priority);
  double start = among.virtual_time;
  std::uint64_t turn = std::numeric_limits<std::uint64_t>::max();
  if (const auto own = among.clients.find(client); own != among.clients.end()) {
    const auto waiting = static_cast<double>(own->second.requests.size());
    start = std::max(start, own->second.start) + waiting / std::max(lowest_weight, weight);
    if (waiting > 0) turn = own->second.turn;
    before += waiting;
  }
  for (const Turn& other : among.turns) {
    if (other.start > start + tie) break;
    if (other.client->first == client) continue;
    const Client& who = other.client->second;
    before += served_before(start, who.start, who.weight, who.requests.size(), who.turn < turn);
  }
  const double missing = before + 1 - available_tokens;
  if (missing <= 0 || rate <= 0) return std::chrono::milliseconds::zero();
  constexpr double longest_s = 24 * 3600;
  const std::chrono::duration<double> wait(std::min(missing / rate, longest_s));
  return std::chrono::ceil<std::chrono::milliseconds>(wait);
}

std::map<std::string, std::size_t> FairQueue::waiting_by_client() const {
  std::map<std::string, std::size_t> counts;
  for (const Lane& each : lanes_) {
    for (const Turn& turn : each.turns) counts[turn.client->first] += turn.client->second.requests.size();
  }
  return counts;
}

}  // namespace roktcached::upstream
