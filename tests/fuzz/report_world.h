#pragma once

#include <optional>

#include "core/caching/selection.h"
#include "server/proxy/report/fetch_outcome.h"
#include "tests/fuzz/play.h"
#include "tests/fuzz/report_model.h"
#include "tests/fuzz/store.h"

namespace roktcached::fuzz {

/// The code under test on a report or metadata route: what Exchange and FetchTable do around the deciding
/// functions, one request at a time, with a map for a store.
class ReportCode {
 public:
  explicit ReportCode(const caching::FreshnessPolicy& policy) : policy_(policy) {}

  [[nodiscard]] caching::Decision decide(const caching::Key& key, const RequestControl& control,
                                         WallTime now) const;
  [[nodiscard]] std::string standing(const caching::Key& key, WallTime now) const;
  ReportEnding forwarded(proxy::FetchRequest fetch, const ReportAnswer* answer, WallTime sent_at,
                         WallTime received_at);
  void purge(const caching::Purge& purge, WallTime at) { purge_from(store_, purge, at); }

 private:
  [[nodiscard]] caching::StoredResponsePtr look_up(const caching::Key& key) const;

  const caching::FreshnessPolicy policy_;
  Store store_;
};

/// Some reports and their random clients and upstream: asks the code and the model the same, and compares.
class ReportWorld {
 public:
  ReportWorld(const caching::FreshnessPolicy& policy, Random& random, PlayedClock& clock, Tally& tally,
              Trace& trace);

  /// One request with all that it causes, or one purge.
  [[nodiscard]] std::optional<Difference> step();

  /// The kinds of verdict that a long run reaches.
  [[nodiscard]] static const std::vector<std::string_view>& expected();

 private:
  [[nodiscard]] std::optional<Difference> ask(std::size_t index);
  [[nodiscard]] std::optional<Difference> fetch(std::size_t index, bool no_store);
  [[nodiscard]] std::optional<ReportAnswer> random_answer(std::size_t index);
  [[nodiscard]] caching::Key key_of(std::size_t index);
  void purge();
  void count(std::size_t index, const caching::Decision& decision);
  void count(const ReportEnding& ending, const ReportAnswer* answer);

  Random& random_;
  PlayedClock& clock_;
  Tally& tally_;
  Trace& trace_;
  std::vector<ReportKey> keys_;
  ReportCode code_;
  ReportModel model_;
  std::int64_t serial_ = 0;
};

}  // namespace roktcached::fuzz
