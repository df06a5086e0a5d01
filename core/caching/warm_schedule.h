#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/caching/key.h"
#include "core/caching/warm_template.h"

namespace roktcached::caching {

/// The questions that are fetched before anybody asks for them: those that clients ask day after day with
/// dates that move with the day, and those that the operator has named.
///
/// It learns from the fetches that clients' requests cost. The first request for each day's instance is such
/// a fetch, so hits need not be looked at. A question that was asked on three of the last five days is a
/// template from then on. The numbers of templates and of histories are bounded. Pure: time comes in as a
/// parameter. Not thread-safe.
class WarmSchedule {
 public:
  static constexpr std::size_t most_templates = 1024;
  static constexpr std::size_t most_histories = 16'384;

  /// Takes other rules. What was learned stays, unless learning is switched off. What is no longer named
  /// goes.
  void change(const WarmingRules& rules, const std::vector<NamedWarming>& named);

  /// A client has asked for `key`, of a report or query route, and that has cost a fetch.
  void asked(const Key& key, const Ask& ask, WallTime now);

  struct Due {
    KeyHash id;  ///< of its template
    QuestionTemplate question;
    rokt::LocalDay day;  ///< for which its dates are to be filled in
  };
  /// Something to be fetched now; it is under way until has_warmed or has_failed says how that has ended.
  [[nodiscard]] std::optional<Due> take_due(WallTime now);
  void has_warmed(const KeyHash& id, const WarmedEntry& entry, bool fetched);
  void has_failed(const KeyHash& id, WarmingFailure failure);

  /// The memory tier's entry, and how often it was found; nothing if it has none.
  using EntryOf = std::function<std::optional<WarmedEntry>(const KeyHash&)>;
  /// Notes which of the entries that were fetched have been used.
  void look_for_uses(const EntryOf& entry_of, WallTime now);

  /// Sums over all templates that there are or have been.
  struct Totals {
    WarmTemplate::Counts counts;
    std::uint64_t forgotten = 0;
    std::size_t learned = 0;  ///< templates that there are
    std::size_t named = 0;
  };
  [[nodiscard]] Totals totals() const;
  /// Named ones first; the others by the time of their next fetch, and then by their text.
  [[nodiscard]] std::vector<const WarmTemplate*> templates() const;

  /// The state that is kept over a restart: templates and all histories.
  struct Learned {
    KeyHash id;
    AskHistory history;
    QuestionTemplate question;  ///< empty: no template yet
    std::chrono::milliseconds lifetime{0};
    unsigned unused_in_a_row = 0;
  };
  [[nodiscard]] std::vector<Learned> learned() const;
  /// Adds what was learned earlier, where it does not know better.
  void restore(const std::vector<Learned>& learned);
  /// Changes with everything that learned() gives.
  [[nodiscard]] std::uint64_t version() const { return version_; }

 private:
  /// The day of a zone, so that not each request has to look it up.
  struct ZoneDay {
    rokt::TimeZone zone;
    rokt::LocalDay day;
    WallTime from;
    WallTime until;
    std::optional<WallTime> begin;  ///< of the day, where the clock does not change in what is left of it

    [[nodiscard]] std::chrono::minutes minute_of(WallTime now) const;
  };
  /// A key that was looked at already, until its zone has another day.
  struct Seen {
    KeyHash hash;
    WallTime from;
    WallTime until;
  };

  /// When a question is asked: looked up once for all the ways in which its range may move.
  struct Moment {
    WallTime now;
    rokt::LocalDay day;           // on the clock of its zone
    std::chrono::minutes minute;  // of that day
  };

  [[nodiscard]] const ZoneDay* today_of(const DatedQuestion& question, WallTime now);
  void learn(const DatedQuestion& question, const rokt::RelativeRange& range, const KeyHash& id,
             const Ask& ask, const Moment& moment);
  void promote(const KeyHash& id, const DatedQuestion& question, const rokt::RelativeRange& range,
               const AskHistory& history, const Ask& ask);
  [[nodiscard]] bool make_room(rokt::LocalDay today);
  void forget(std::map<std::pair<std::uint64_t, std::uint64_t>, WarmTemplate>::iterator place);
  [[nodiscard]] WarmTemplate* find(const KeyHash& id);

  static constexpr std::size_t seen_slots = 8192;

  WarmingRules rules_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, WarmTemplate> templates_;  // by the halves of their ids
  std::unordered_map<KeyHash, AskHistory, KeyHashHasher> histories_;           // of what is no template (yet)
  rokt::LocalDay looked_through_on_ = rokt::LocalDay::min();                   // by make_room()
  std::map<std::string, ZoneDay, std::less<>> days_;  // by the name of the zone as it stands in keys
  std::unique_ptr<std::array<Seen, seen_slots>> seen_ = std::make_unique<std::array<Seen, seen_slots>>();
  Totals gone_;  // of templates that are no more; and what no template counts
  std::uint64_t version_ = 0;
};

}  // namespace roktcached::caching
