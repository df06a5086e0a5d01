#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <utility>
#include <vector>

#include "core/caching/selection.h"
#include "server/fleet/stream_position.h"

namespace roktcached::fleet {

/// The purges that the fleet knows of. They decide whether an answer that another instance has fetched may be
/// used. It may not if its fetch began before a purge that selects it. Nor may it if it names a last purge
/// that is not known here: an engine that lies may have invented that, and no purge would ever reach the
/// answer.
///
/// Bounded: purges that are older than the ones here are forgotten, so answers whose fetch began before these
/// are not used either. Not thread-safe.
class PurgeHistory {
 public:
  static constexpr std::size_t max_purges = 1000;

  /// @param purge  later than all that were added before; else it is known already
  void add(StreamPosition position, caching::Purge purge) {
    if (position <= heard_) return;
    purges_.emplace_back(position, std::move(purge));  // first: memory may fail
    heard_ = position;
    if (purges_.size() <= max_purges) return;
    forget_until(purges_.front().first);
  }
  /// Forgets the purges up to `position`.
  void forget_until(StreamPosition position) {
    forgotten_ = std::max(forgotten_, position);
    while (!purges_.empty() && purges_.front().first <= forgotten_) purges_.pop_front();
  }
  /// The engine has lost what it knew, or has lied: new purges may come at earlier positions.
  void begin_anew() {
    purges_.clear();
    heard_ = forgotten_ = {};
  }

  /// The engine has lost what came after `last`: another engine has taken its place, or it has lied. The lost
  /// purges must be told again. Until then they still forbid what they select, if its fetch began up to
  /// `last`. Purges behind `last` that this instance may have missed are heard anew.
  /// @return the lost purges
  std::vector<caching::Purge> go_back_to(StreamPosition last) {
    const StreamPosition next{last.time_ms, last.number + 1};
    std::vector<caching::Purge> lost;
    forgotten_ = std::min(forgotten_, last);
    heard_ = forgotten_;
    for (auto& [position, purge] : purges_) {
      if (position <= last) {
        heard_ = std::max(heard_, position);
      } else {
        lost.push_back(purge);
        position = next;
      }
    }
    return lost;
  }

  [[nodiscard]] StreamPosition heard() const { return heard_; }
  /// No purge here is later than that.
  [[nodiscard]] StreamPosition furthest() const { return std::max(heard_, forgotten_); }

  /// Whether an answer may be used whose fetch began when `begun` was the last purge.
  [[nodiscard]] bool allows(const caching::Subject& subject, StreamPosition begun) const {
    bool is_known = begun == forgotten_;
    if (begun < forgotten_) return false;
    for (const auto& [position, purge] : purges_) {
      is_known = is_known || position == begun;
      if (position > begun && caching::matches(purge.selection, subject)) return false;
    }
    return is_known;
  }

 private:
  std::deque<std::pair<StreamPosition, caching::Purge>> purges_;
  StreamPosition heard_;
  StreamPosition forgotten_;
};

}  // namespace roktcached::fleet
