#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "core/caching/ask_history.h"
#include "core/caching/dated_question.h"
#include "core/rokt/time_zone.h"
#include "core/time.h"

namespace roktcached::caching {

/// A client's request that has cost a fetch.
struct Ask {
  std::chrono::milliseconds lifetime{0};  ///< of the answer that the fetch has brought
  bool from_cache = false;                ///< the client had a stale answer; the fetch ran behind it
};

/// Why an instance could not be fetched.
struct WarmingFailure {
  std::string why;                     ///< one line, for a person
  bool cost_a_call = false;            ///< the upstream was asked: not again and again
  std::optional<WallTime> again = {};  ///< when to try again; empty: not today
};

/// The state of a warmed answer at the moment when it was stored.
struct WarmedEntry {
  KeyHash hash;
  WallTime fetched_at;
  WallTime fresh_until;
  std::uint64_t finds = 0;  ///< of the memory tier, until then
};

/// A question that is asked on most days with other dates, and what becomes of its instance of today: when it
/// is due, whether it was fetched, whether anybody has used it. Pure: time comes in as a parameter. A plain
/// value.
class WarmTemplate {
 public:
  enum class State : std::uint8_t {
    waiting,    ///< for its time
    under_way,  ///< is being fetched
    warmed,     ///< is stored, and nobody has used it yet
    used,       ///< is stored, and somebody has used it
    asked,      ///< clients came first
    done,       ///< nothing more today
  };

  /// Counts of instances, of all days since the daemon started.
  struct Counts {
    std::uint64_t warmed = 0;  ///< fetched, or confirmed by the upstream
    std::uint64_t used = 0;    ///< of those: a client was answered with it
    std::uint64_t unused = 0;  ///< of those: the day is over without that, or it had expired before
    std::uint64_t failed = 0;  ///< could not be fetched while it was wanted
  };

  /// @param question  its time zone is a known one
  static WarmTemplate learned(QuestionTemplate question, const AskHistory& history,
                              std::chrono::milliseconds lifetime);
  static WarmTemplate named(const NamedWarming& warming);

  [[nodiscard]] const QuestionTemplate& question() const { return question_; }
  [[nodiscard]] bool is_learned() const { return !named_at_; }
  [[nodiscard]] const AskHistory& history() const { return history_; }
  [[nodiscard]] std::chrono::milliseconds lifetime() const { return lifetime_; }
  [[nodiscard]] unsigned unused_in_a_row() const { return unused_in_a_row_; }
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] const Counts& counts() const { return counts_; }
  /// When to look at today's instance next; empty: not today.
  [[nodiscard]] std::optional<WallTime> next_try() const;
  [[nodiscard]] const std::string& last_failure() const { return last_failure_; }
  [[nodiscard]] rokt::LocalDay day() const { return day_; }

  /// A client has asked for today's instance, and the cache alone could not answer.
  void asked(const Ask& ask, WallTime now);

  /// Begins a new day where there is one.
  /// @param settling  between midnight and the first fetch of a learned one
  void look_at_clock(WallTime now, std::chrono::milliseconds settling);
  /// Whether it is to be fetched now.
  [[nodiscard]] bool is_due(WallTime now) const;
  void begin() { state_ = State::under_way; }

  /// The instance is stored now. Until somebody has used it, it is fetched again when it is no longer fresh,
  /// three times in all.
  /// @param fetched  whether that has cost a call; false: it was in the cache already
  void has_warmed(const WarmedEntry& entry, bool fetched);
  /// The instance could not be fetched. It is tried again while it is still wanted. If the attempts cost
  /// calls, there are at most three a day.
  void has_failed(WarmingFailure failure);
  /// The entry that is to be used; null unless it was fetched today and nobody has used it yet.
  [[nodiscard]] const WarmedEntry* unused_entry() const;
  void was_used(WallTime now);

  /// Nobody has used it on two days in a row, or asked for it in two weeks: it is learned no more.
  [[nodiscard]] bool is_to_be_forgotten() const;
  /// As it was before a restart.
  void restore(unsigned unused_in_a_row) { unused_in_a_row_ = unused_in_a_row; }

 private:
  WarmTemplate(QuestionTemplate question, const rokt::TimeZone& zone)
      : question_(std::move(question)), zone_(zone) {}
  void end_day();
  void plan(std::chrono::milliseconds settling);
  [[nodiscard]] WallTime at(std::chrono::minutes since_midnight) const;

  QuestionTemplate question_;
  rokt::TimeZone zone_;
  std::optional<std::chrono::minutes> named_at_;  // of a named one
  AskHistory history_;                            // of a learned one, as all that follows
  std::chrono::milliseconds lifetime_{0};
  unsigned unused_in_a_row_ = 0;

  rokt::LocalDay day_;  // that all below is of
  WallTime day_begins_;
  WallTime day_ends_;  // both zero: no day yet
  State state_ = State::done;
  WallTime next_try_;
  WallTime wanted_until_;
  unsigned fetches_ = 0;
  unsigned failed_calls_ = 0;
  WarmedEntry entry_;
  std::string last_failure_;
  Counts counts_;
};

}  // namespace roktcached::caching
