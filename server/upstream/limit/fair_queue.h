#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/time.h"

namespace roktcached::upstream {

/// Why a request goes upstream, the most urgent first.
enum class Priority {
  interactive,    ///< a client waits for the answer
  revalidation,   ///< a client has got a stale answer, which is refreshed behind it
  refresh_ahead,  ///< nobody has asked yet
};

/// The requests that wait for their turn at the upstream. A more urgent priority always goes first. Within
/// one, clients share by weight, whatever they ask for: start-time fair queueing (Goyal, Vin and Cheng,
/// 1996), where each request starts, in virtual time, when the one before it of the same client has ended,
/// and takes 1/weight; the earliest start is served next. So a client that floods delays another's single
/// request by one request, not by its flood. Within one client, first come is first served.
///
/// Bounded: in length by `max_queued`, and so is, per priority, the number of clients that it remembers.
/// Operations take a time logarithmic in the length, unless they say otherwise.
///
/// Belongs to the upstream thread; not thread-safe. The queue knows requests by a handle only: who waits for
/// one is the owner's business, and so is to answer what the queue gives up. No call fails, but for memory:
/// push() then queues nothing (what it has displaced is displaced), and what takes requests out needs none
/// but for what it returns.
class FairQueue {
 public:
  using Handle = std::uint64_t;

  struct Request {
    std::string client;
    double weight =
        1;  ///< the client's share, 0.001 or more. The latest one counts for all that it has waiting
    Priority priority = Priority::interactive;
    SteadyTime deadline = SteadyTime::max();  ///< at which it is given up
  };

  enum class Refusal {
    more_urgent,   ///< full, of requests of more urgent priorities
    client_share,  ///< full, and no other client has so much more waiting that it ought to give way
    no_queue,      ///< nothing may wait at all
  };

  struct Pushed {
    std::optional<Handle> queued;     ///< unless it was refused
    std::optional<Refusal> refused;   ///< unless it was queued
    std::optional<Handle> displaced;  ///< no longer queued; to be answered now
  };

  explicit FairQueue(std::size_t max_queued) : max_queued_(max_queued) {}
  /// Counts for new requests: no waiting one is given up.
  void set_max_queued(std::size_t max_queued) { max_queued_ = max_queued; }
  FairQueue(const FairQueue&) = delete;
  FairQueue& operator=(const FairQueue&) = delete;

  /// Queues a request. Where the queue is full, somebody gives way in the least urgent priority that waits:
  /// there the last request of the client with the most. A more urgent newcomer always displaces that one; a
  /// newcomer of the same priority only if its own client will not have as many waiting then, since else
  /// two clients would go on displacing each other.
  [[nodiscard]] Pushed push(Request request);

  /// Takes out the next request whose deadline has not passed. Those whose deadline has are for expire().
  [[nodiscard]] std::optional<Handle> pop(SteadyTime now);

  /// Takes out every request whose deadline has passed, in the order of the deadlines.
  [[nodiscard]] std::vector<Handle> expire(SteadyTime now);

  /// Takes out a request for which nobody waits any more.
  /// @return whether it was queued
  bool remove(Handle handle);

  /// When a request that came now would be served, if no other came after it: after what is more urgent, and
  /// after that part of its own priority which its client's share lets go first. An estimate: more urgent
  /// requests may come. Takes a time linear in the number of clients that wait.
  /// @param rate  requests served per second; 0: without limit
  /// @param available_tokens  requests that can be served at once
  [[nodiscard]] std::chrono::milliseconds expected_wait(std::string_view client, double weight,
                                                        Priority priority, double rate,
                                                        double available_tokens) const;

  /// Requests that wait.
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  /// Those of one priority.
  [[nodiscard]] std::size_t size(Priority priority) const { return lane(priority).size; }
  /// How many requests wait, by client. Linear.
  [[nodiscard]] std::map<std::string, std::size_t> waiting_by_client() const;

 private:
  /// A client within one priority.
  struct Client {
    double weight = 1;
    double start = 0;            // of its first request, in virtual time; of its next one, if none waits
    std::uint64_t turn = 0;      // among equal starts: who began to wait first
    std::list<Handle> requests;  // first come, first served
  };
  using Clients = std::map<std::string, Client, std::less<>>;

  struct Turn {
    double start;
    std::uint64_t turn;
    Clients::iterator client;
    bool operator<(const Turn& other) const {
      return std::pair(start, turn) < std::pair(other.start, other.turn);
    }
  };

  /// One priority. A client is in `turns` and in `by_length` while it has requests, else in `idle`.
  struct Lane {
    Clients clients;
    std::set<Turn> turns;
    std::set<std::pair<std::size_t, std::string_view>> by_length;  // how many wait, and whose
    std::set<Turn> idle;      // nothing waits, but its last request has not ended in virtual time
    double virtual_time = 0;  // the start of the request that was served last
    std::size_t size = 0;
  };

  /// A client's place in its lane, taken out of it, so that it goes back in without memory that could fail.
  struct Standing {
    decltype(Lane::turns)::node_type turn;        // in `turns` or in `idle`
    decltype(Lane::by_length)::node_type length;  // empty while nothing waits
  };

  struct Entry {
    Priority priority;
    Clients::iterator client;
    std::list<Handle>::iterator position;
    SteadyTime deadline;
  };
  using Entries = std::unordered_map<Handle, Entry>;

  [[nodiscard]] Lane& lane(Priority priority) { return lanes_[static_cast<std::size_t>(priority)]; }
  [[nodiscard]] const Lane& lane(Priority priority) const {
    return lanes_[static_cast<std::size_t>(priority)];
  }
  [[nodiscard]] std::optional<Refusal> make_room(const Request& request, std::optional<Handle>& displaced);
  [[nodiscard]] Handle enqueue(Request request);
  [[nodiscard]] Handle serve_next(Lane& from);
  void take_out(Entries::iterator entry);
  void set_late_aside(SteadyTime now);
  static void take_in(Lane& into, Clients::iterator client, Standing standing);
  [[nodiscard]] static Standing leave_out(Lane& from, Clients::iterator client);
  void forget_idle(Lane& of) const;

  std::size_t max_queued_;
  std::array<Lane, 3> lanes_;
  Entries entries_;
  std::set<std::pair<SteadyTime, Handle>> deadlines_;
  std::set<std::pair<SteadyTime, Handle>> late_;  // no longer queued; for the next expire()
  Handle last_handle_ = 0;
  std::uint64_t last_turn_ = 0;
};

}  // namespace roktcached::upstream
