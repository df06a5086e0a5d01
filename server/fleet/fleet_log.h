#pragma once

#include <algorithm>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/caching/selection.h"
#include "core/time.h"
#include "server/fleet/crew.h"
#include "server/fleet/engine.h"
#include "server/fleet/fleet_note.h"
#include "server/fleet/purge_history.h"
#include "server/upstream/limit/wait_list.h"
#include "storage/response_store.h"

namespace roktcached::fleet {

/// An event of a crew's log, by the names of its fields. Views.
struct LogEntry {
  const EngineReply& fields;
  [[nodiscard]] std::string_view operator[](std::string_view name) const;
};

/// How a purge has gone through the fleet.
struct Confirmed {
  std::uint64_t confirmed = 0;  ///< instances that have done it, this one among them
  std::uint64_t instances = 1;  ///< that there are
};

/// The log by which instances tell each other that they are there, what they have fetched, and what is
/// purged. Each purge of another instance is done here, too, and shown as done. If it cannot be known which
/// purges there were, everything is made stale. The store holds, beside what was purged, up to which purge
/// this instance has come, and which purges the others have not been told of.
///
/// The engine is not trusted. If it has told of events beyond the last one that it says it has, it has lied,
/// or has lost some. Then this instance forgets what it was told beyond that event, and tells the purges
/// beyond it again. So a lie ends with the first answer that is true. Belongs to the upstream thread.
class FleetLog {
 public:
  /// Purges the store, and keeps answers that are under way out of it. Blocks; called on the purger's thread.
  using Purge = std::function<Result<std::uint64_t>(const caching::Purge&)>;
  /// Takes an event of the log of the crew at this place.
  using Take = std::function<void(std::size_t crew, const LogEntry& event)>;

  /// @param purger  where purges are done
  /// @param store   of this instance; outlives it, as do `engine`, `crews` and `clock`
  /// @param name    of this instance, another one's never
  FleetLog(const boost::asio::any_io_executor& executor, boost::asio::any_io_executor purger, Engine& engine,
           const std::vector<std::unique_ptr<Crew>>& crews, storage::ResponseStore& store, Purge purge,
           std::string name, const Clock& clock);

  void start(Take take);
  void stop();
  /// Tells the fleet that this instance leaves, after stop(), so that nobody counts it any more. If the
  /// engine does not answer, the others forget it in time.
  [[nodiscard]] boost::asio::awaitable<void> leave();

  /// Shows this instance, and catches up with the purges: for Engine::start.
  [[nodiscard]] boost::asio::awaitable<bool> greet();
  /// The engine has been reached, or lost.
  void linked();

  /// Tells the fleet of a purge that is done here, and waits a moment until the others have done it. If the
  /// engine is away, they hear of the purge once it is back.
  [[nodiscard]] boost::asio::awaitable<Confirmed> tell(caching::Purge purge);

  /// Whether an answer may be used; see PurgeHistory::allows. An answer that an untold purge selects may not:
  /// another instance may have fetched it before that purge.
  [[nodiscard]] bool allows(std::size_t crew, const caching::Subject& subject, StreamPosition begun) const {
    const State& state = *states_[crew];
    return state.history.allows(subject, begun) && !state.untold.selects(subject);
  }
  /// The last purge that is known here.
  [[nodiscard]] StreamPosition heard(std::size_t crew) const { return states_[crew]->history.heard(); }
  /// Waits until every purge up to `position` is known here, for a moment.
  /// @return whether it is
  [[nodiscard]] boost::asio::awaitable<bool> hear(std::size_t crew, StreamPosition position,
                                                  upstream::Turn& turn);

  [[nodiscard]] const Members& members(std::size_t crew) const { return states_[crew]->members; }
  /// How many purges are known here and not done yet. An answer that is on its way when one of them is done
  /// is not stored, if that purge selects it.
  [[nodiscard]] std::size_t due() const;
  /// How far the engine's clock is ahead of this one's.
  [[nodiscard]] std::chrono::milliseconds skew() const { return skew_; }

 private:
  struct State {
    Members members;
    PurgeHistory history;
    std::string epoch;
    StreamPosition log_read;
    StreamPosition purges_read;
    StreamPosition done;         // purges that are done here
    StreamPosition contiguous;   // up to it all purges are heard, or all was made stale since
    bool known = false;          // the engine has been asked
    bool read = false;           // the note is; nothing is written in its place before
    bool all_stale_due = false;  // nobody can say what was purged
    bool making_stale = false;   // that is under way
    std::deque<std::pair<StreamPosition, caching::Purge>> due;
    UntoldPurges untold;  // done here, and not told yet
    bool purging = false;
    bool announcing = false;
    // How many members there were when the engine lost them, and until when they are expected back.
    std::uint64_t known_before = 0;
    SteadyTime back_until;
    [[nodiscard]] StreamPosition furthest() const {
      return std::max({history.furthest(), purges_read, done});
    }
    [[nodiscard]] StreamPosition shown_as_done() const {
      const bool is_behind = all_stale_due || making_stale || (!due.empty() && due.front().first <= done);
      return is_behind ? StreamPosition() : done;
    }
  };

  [[nodiscard]] boost::asio::awaitable<bool> show(std::size_t crew);
  [[nodiscard]] boost::asio::awaitable<Result<EngineReply>> run_member(std::size_t crew, std::string leaves);
  [[nodiscard]] boost::asio::awaitable<bool> catch_up(std::size_t crew);
  void take_members(State& state, const Members& members, bool lost) const;
  [[nodiscard]] std::uint64_t expected_back(const State& state) const;
  void begin_anew(std::size_t crew, const std::string& epoch);
  void go_back(std::size_t crew, StreamPosition last);
  [[nodiscard]] boost::asio::awaitable<std::string> announce(std::size_t crew, std::string octets);
  [[nodiscard]] boost::asio::awaitable<std::string> announce_one(std::size_t crew, std::uint64_t number);
  [[nodiscard]] boost::asio::awaitable<bool> announce_untold(std::size_t crew);
  boost::asio::awaitable<void> keep_note(std::size_t crew);
  [[nodiscard]] boost::asio::awaitable<Confirmed> confirmed(std::vector<std::string> positions);
  [[nodiscard]] Confirmed here_alone() const;
  boost::asio::awaitable<void> read_stored(std::size_t crew);
  [[nodiscard]] bool store_fails() const;
  void lose(std::uint64_t link);
  boost::asio::awaitable<void> keep_shown(std::uint64_t link);
  boost::asio::awaitable<void> follow_streams(std::uint64_t link);
  /// @return whether there was anything in it
  bool take_streams(const EngineReply& reply);
  void take_purge(std::size_t crew, const EngineReply& event);
  void purge_what_is_due(std::size_t crew);
  boost::asio::awaitable<void> purge_in_order(std::size_t crew);
  [[nodiscard]] storage::StoredResponsePtr note(std::size_t crew) const;
  void write_note(std::size_t crew) {
    if (states_[crew]->read) store_.put(note(crew));
  }
  [[nodiscard]] caching::Key key_of_note(std::size_t crew) const;

  boost::asio::any_io_executor executor_;
  boost::asio::any_io_executor purger_;
  Engine& engine_;
  const std::vector<std::unique_ptr<Crew>>& crews_;
  storage::ResponseStore& store_;
  const Purge purge_;
  const std::string name_;
  const Clock& clock_;
  Take take_;
  std::vector<std::unique_ptr<State>> states_;  // of each crew
  upstream::WaitList hearing_;
  std::uint64_t link_ = 0;  // which one it is
  bool stopped_ = false;
  std::chrono::milliseconds skew_{0};
};

}  // namespace roktcached::fleet
