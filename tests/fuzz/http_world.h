#pragma once

#include <optional>

#include "tests/fuzz/http_code.h"
#include "tests/fuzz/http_model.h"
#include "tests/fuzz/play.h"

namespace roktcached::fuzz {

/// An http route and its random clients and origin: asks the code and the model the same, and compares.
class HttpWorld {
 public:
  HttpWorld(const caching::FreshnessPolicy& policy, Random& random, PlayedClock& clock, Tally& tally,
            Trace& trace)
      : code_(policy), model_(policy), random_(random), clock_(clock), tally_(tally), trace_(trace) {}

  /// One request with all that it causes, or one purge.
  [[nodiscard]] std::optional<Difference> step();

  /// The kinds of verdict that a long run reaches.
  [[nodiscard]] static const std::vector<std::string_view>& expected();

 private:
  [[nodiscard]] std::optional<Difference> ask(const HttpRequest& request);
  [[nodiscard]] std::optional<Difference> fetch(const HttpRequest& request, const HttpCode::Selected& in_code,
                                                std::optional<HttpModel::Index> in_model);
  void purge();
  void count(const caching::Decision& decision, const HttpRequest& request,
             const std::vector<HttpModel::Index>& selectable);
  void count(const Ending& ending, const HttpRequest& request, const HttpAnswer* answer, bool selected);

  HttpCode code_;
  HttpModel model_;
  Random& random_;
  PlayedClock& clock_;
  Tally& tally_;
  Trace& trace_;
  std::size_t last_target_ = 0;
  std::int64_t serial_ = 0;
};

}  // namespace roktcached::fuzz
