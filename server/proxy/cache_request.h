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

/// What a request to a cached route asks for: all that is known of it before the cache is looked at. It
/// follows from the request's method, target, rokt-version and, for a query, content, and from the settings
/// alone; and from the time, where its range moves with that.
struct CacheRequest {
  const rokt::Route* route = nullptr;
  std::string account_id;
  std::string campaign_id;
  std::size_t credential = 0;
  caching::Key key;
  std::optional<WallTime> range_end;
  const caching::FreshnessPolicy* policy = nullptr;
  std::shared_ptr<const Presentation> presentation = {};  ///< null: the request says nothing of it

  /// Whether the same request asks this at that time: not where its range has moved.
  [[nodiscard]] bool holds(WallTime now) const {
    if (!presentation || !presentation->holds) return true;
    return presentation->holds->from <= now && now < presentation->holds->until;
  }
};
using CacheRequestPtr = std::shared_ptr<const CacheRequest>;

/// Makes `to_send` ask for what `key` stands for, in the key's own spelling: the answer then does not depend
/// on who asked first. A key of a report, metadata or query route.
void ask_for(const caching::Key& key, upstream::UpstreamRequest& to_send);

/// Remembers the questions that requests came to, so that the same request is not read again: most requests
/// have been there before. Of bounded size; the later one takes the earlier one's place. For one thread.
class CacheRequestMemory {
 public:
  /// @param capacity  a power of two
  explicit CacheRequestMemory(std::size_t capacity = 4096) : slots_(capacity) {}

  /// The question of a request that is the same in all that matters; null where there is none, or where the
  /// request has rokt-version more than once. Is there until the next call of remember().
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
