#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/caching/decision.h"
#include "core/caching/freshness.h"
#include "core/time.h"
#include "tests/fuzz/http_messages.h"

namespace roktcached::fuzz {

/// A report or metadata key, as what it stands for.
struct ReportKey {
  std::string route;
  bool metadata = false;
  std::string account;
  std::string campaign;  ///< empty: the route has none
  std::string target;    ///< canonical; several keys of other versions share one
  std::string version = "LATEST";
  std::optional<WallTime> range_end;  ///< of a report whose dates are understood
};

/// The upstream's answer to a request for a report.
struct ReportAnswer {
  unsigned status = 200;
  std::int64_t body = 0;
  bool validator = false;
};

/// How a request that went forward ended for its client.
struct ReportEnding {
  enum class Kind { answer, stand_in, failed } kind = Kind::failed;
  unsigned status = 0;
  std::int64_t body = -1;
  std::int64_t age_s = 0;
  bool kept = false;
  friend bool operator==(const ReportEnding&, const ReportEnding&) = default;
};
[[nodiscard]] std::string to_string(const ReportEnding& ending);

/// Which keys a purge means; an empty text is no condition.
struct ReportPurge {
  std::optional<std::size_t> key;
  std::string target;
  std::string route;
  std::string account;
  std::string campaign;
  bool soft = false;
};

/// The freshness policy of reports and metadata, slow and obvious: every answer ever kept for a key stands in
/// a list, with what each of them took the place of; every verdict is worked out from that list.
class ReportModel {
 public:
  ReportModel(const caching::FreshnessPolicy& policy, std::vector<ReportKey> keys)
      : policy_(policy), keys_(std::move(keys)), histories_(keys_.size()) {}

  [[nodiscard]] caching::Decision decide(std::size_t key, const RequestControl& control, WallTime now) const;
  /// "404 body 7 age 3 ttl 5 restating", or "nothing".
  [[nodiscard]] std::string standing(std::size_t key, WallTime now) const;
  [[nodiscard]] std::optional<caching::FreshnessState> state(std::size_t key) const;
  [[nodiscard]] bool lives_longer(std::size_t key) const;
  [[nodiscard]] bool has_validator(std::size_t key) const;
  [[nodiscard]] std::optional<std::int64_t> body(std::size_t key) const;
  [[nodiscard]] bool fresh_before_it_was_made(std::size_t key, WallTime now) const;

  /// Moments at which what is to be done with what stands changes, for one client or another.
  [[nodiscard]] std::vector<WallTime> turns(std::size_t key) const;

  /// @param answer     null if none came
  /// @param may_keep   false if the client sent no-store
  ReportEnding forwarded(std::size_t key, const ReportAnswer* answer, bool may_keep, WallTime sent_at,
                         WallTime received_at);
  void purge(const ReportPurge& purge, WallTime at);

 private:
  using Span = std::chrono::milliseconds;

  /// One answer that was kept.
  struct Kept {
    unsigned status = 0;
    std::int64_t body = 0;
    bool validator = false;
    WallTime fetched_at;
    std::optional<std::size_t> before;  ///< what stood there when it was fetched: an index of the history
    std::vector<WallTime> soft_purges;
  };
  struct History {
    std::vector<Kept> kept;
    bool gone = true;  ///< the last of them no longer stands: nothing does
  };
  struct Times {
    WallTime fresh_until;
    WallTime usable_until;
  };

  [[nodiscard]] const Kept* last(std::size_t key) const;
  [[nodiscard]] caching::FreshnessState state_of(std::size_t key, const Kept& answer) const;
  [[nodiscard]] bool is_restating(std::size_t key, const Kept& answer) const;
  [[nodiscard]] unsigned unchanged_in_a_row(std::size_t key, const Kept& answer) const;
  [[nodiscard]] Span lifetime(std::size_t key, const Kept& answer, unsigned unchanged) const;
  [[nodiscard]] Times times(std::size_t key, const Kept& answer) const;
  [[nodiscard]] bool may_stand_in(std::size_t key, WallTime now) const;

  const caching::FreshnessPolicy policy_;
  const std::vector<ReportKey> keys_;
  std::vector<History> histories_;
};

}  // namespace roktcached::fuzz
