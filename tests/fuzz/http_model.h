#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/caching/decision.h"
#include "core/caching/freshness.h"
#include "core/http/cache_status.h"
#include "core/time.h"
#include "tests/fuzz/http_messages.h"

namespace roktcached::fuzz {

/// A response as a client sees it.
struct Seen {
  unsigned status = 0;
  std::string body;
  std::int64_t marker = -1;
  std::int64_t secret = -1;
  std::int64_t age_s = 0;
  friend bool operator==(const Seen&, const Seen&) = default;
};

/// How a request that went forward ended for its client, and whether the answer was kept.
struct Ending {
  enum class Kind { answer, stand_in, failed } kind = Kind::failed;
  Seen seen;
  bool kept = false;
  friend bool operator==(const Ending&, const Ending&) = default;
};

[[nodiscard]] std::string to_string(const Seen& seen);
[[nodiscard]] std::string to_string(const Ending& ending);

/// A purge of one http target's or all responses, in the model's terms.
struct HttpPurge {
  enum class What { all, target, entry, target_key, route } what = What::all;
  std::size_t target = 0;
  std::int64_t marker = 0;  ///< of `entry`
  bool soft = false;
};

/// RFC 9111 for a shared cache, slow and obvious: it keeps every answer that it has ever been given with all
/// that has happened to it since, and works out each verdict from the beginning. It shares no rule with the
/// code: only names for its verdicts.
///
/// Where the code deviates from the RFC, or chooses where the RFC lets it, on purpose, the model says so at
/// the place ("Choice").
class HttpModel {
 public:
  explicit HttpModel(const caching::FreshnessPolicy& policy) : policy_(policy) {}

  using Index = std::size_t;

  /// The entries that may be selected for a request (section 4.1): the latest of what matches, several where
  /// they were made at the same time.
  [[nodiscard]] std::vector<Index> selectable(const HttpRequest& request) const;
  [[nodiscard]] std::size_t matching(const HttpRequest& request) const;
  [[nodiscard]] caching::Decision decide(std::optional<Index> selected, const HttpRequest& request,
                                         WallTime now) const;
  [[nodiscard]] Seen seen(Index entry, WallTime now) const;
  [[nodiscard]] std::int64_t ttl_s(Index entry, WallTime now) const;
  [[nodiscard]] std::int64_t marker(Index entry) const { return history_[entry].fields.marker; }
  [[nodiscard]] bool by_heuristic(Index entry) const;
  [[nodiscard]] Known known(Index entry) const;

  /// Moments at which what is to be done with an entry changes, for one client or another.
  [[nodiscard]] std::vector<WallTime> turns(Index entry) const;

  /// @param answer  null if none came
  Ending forwarded(const HttpRequest& request, std::optional<Index> selected, const HttpAnswer* answer,
                   WallTime sent_at, WallTime received_at);
  void purge(const HttpPurge& purge, WallTime at);

 private:
  using Span = std::chrono::milliseconds;

  struct MadeStale {
    WallTime at;
    bool by_purge = false;
  };
  /// One answer, and all that there is to know of it.
  struct Entry {
    HttpRequest request;  ///< that selected it
    unsigned status = 0;
    AnswerFields fields;
    Age age = Age::absent;
    std::int64_t age_s = 0;
    std::string body;
    WallTime sent_at;
    WallTime received_at;
    std::vector<MadeStale> made_stale;
    bool gone = false;
  };
  struct Times {
    WallTime made_at;
    WallTime fresh_until;
    WallTime usable_until;
  };
  enum class Failure { no_answer, error_status };

  [[nodiscard]] static bool matches(const Entry& entry, const HttpRequest& request);
  [[nodiscard]] static Span initial_age(const Entry& entry);
  [[nodiscard]] static Span lifetime(const Entry& entry);
  [[nodiscard]] Times times(const Entry& entry) const;
  [[nodiscard]] bool may_be_stored(const Entry& entry, const std::string& method, bool at_its_target) const;
  [[nodiscard]] bool may_stand_in(std::optional<Index> selected, Failure failure, WallTime now) const;
  [[nodiscard]] bool keep(Entry entry);
  [[nodiscard]] bool freshen(const HttpRequest& request, Index selected, const HttpAnswer& answer,
                             WallTime sent_at, WallTime received_at, Seen& seen);
  void invalidate(std::size_t target);
  [[nodiscard]] static Seen seen_of(const Entry& entry, WallTime now);

  const caching::FreshnessPolicy policy_;
  std::vector<Entry> history_;
};

}  // namespace roktcached::fuzz
