#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/caching/key.h"
#include "core/caching/policies.h"
#include "core/rokt/routes.h"
#include "core/time.h"
#include "server/http/message.h"
#include "server/proxy/formats/presentation.h"
#include "server/upstream/upstream.h"

namespace roktcached::proxy {

/// All that is known of a request to a cached route before the cache is looked at. It follows from the
/// request's method, target, rokt-version and, for a query, content; from the settings; and from the time, if
/// the request's range moves with that.
struct CacheRequest {
  const rokt::Route* route = nullptr;
  std::string account_id;
  std::string campaign_id;
  std::size_t credential = 0;
  caching::Key key;
  std::optional<WallTime> range_end;
  const caching::FreshnessPolicy* policy = nullptr;
  std::shared_ptr<const Presentation> presentation = {};  ///< null: the request says nothing of it

  /// Whether the same request asks this at that time: not if its range has moved.
  [[nodiscard]] bool holds(WallTime now) const {
    if (!presentation || !presentation->holds) return true;
    return presentation->holds->from <= now && now < presentation->holds->until;
  }
};
using CacheRequestPtr = std::shared_ptr<const CacheRequest>;

/// Makes `to_send` ask for the answer of `key`, in the key's own spelling, so that the answer does not depend
/// on who asked first. The key is one of a report, metadata or query route.
void ask_for(const caching::Key& key, upstream::UpstreamRequest& to_send);

/// Remembers what requests asked, so that the same request is not read again: most requests have been there
/// before. Bounded: a later request takes an earlier one's place. For one thread.
class CacheRequestMemory {
 public:
  /// @param capacity  a power of two
  explicit CacheRequestMemory(std::size_t capacity = 4096) : slots_(capacity) {}

  /// The result for an earlier request that was the same in all that matters. Null: there is none, or the
  /// request has rokt-version more than once. Lives until the next call of remember().
  [[nodiscard]] const CacheRequestPtr& find(const http::Request& request) const;
  void remember(const http::Request& request, CacheRequestPtr cache_request);
  void forget_all();

 private:
  struct Slot {
    std::string method;
    std::string target;
    std::string rokt_version;
    CacheRequestPtr cache_request;
  };
  [[nodiscard]] std::size_t place_of(std::string_view target) const;

  std::vector<Slot> slots_;
};

}  // namespace roktcached::proxy
