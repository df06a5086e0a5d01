#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/caching/decision.h"
#include "core/caching/freshness.h"
#include "core/caching/selection.h"
#include "core/caching/stored_response.h"
#include "core/time.h"
#include "tests/fuzz/http_messages.h"
#include "tests/fuzz/http_model.h"
#include "tests/fuzz/store.h"

namespace roktcached::fuzz {

/// The code under test on an http route: what HttpHandler and FetchTable do around the deciding functions,
/// one request at a time, with a map for a store.
class HttpCode {
 public:
  explicit HttpCode(const caching::FreshnessPolicy& policy) : policy_(policy) {}

  /// The result of select, as far as a fetch needs it.
  struct Selected {
    caching::StoredResponsePtr response;
    caching::StoredResponsePtr index;
  };
  [[nodiscard]] Selected select(const HttpRequest& request) const;
  [[nodiscard]] caching::Decision decide(const Selected& selected, const HttpRequest& request,
                                         WallTime now) const;
  [[nodiscard]] static Seen seen(const caching::StoredResponse& response, WallTime now);

  /// @param answer  null if none came
  Ending forwarded(const HttpRequest& request, const Selected& selected, const HttpAnswer* answer,
                   WallTime sent_at, WallTime received_at);
  void purge(const caching::Purge& purge, WallTime at) { purge_from(store_, purge, at); }

  /// All that is stored, indexes too.
  [[nodiscard]] std::vector<caching::StoredResponsePtr> stored() const;

  static constexpr const char* route = "mirror";

 private:
  [[nodiscard]] caching::StoredResponsePtr look_up(const caching::Key& key) const;
  void put(caching::StoredResponsePtr response);
  void invalidate(const caching::Key& target, WallTime now);

  const caching::FreshnessPolicy policy_;
  Store store_;
  WallTime last_generation_;
};

}  // namespace roktcached::fuzz
