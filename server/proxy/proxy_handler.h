#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "config/settings.h"
#include "core/caching/decision.h"
#include "core/rokt/parameters.h"
#include "core/rokt/routes.h"
#include "server/counters/client_stats.h"
#include "server/counters/request_stats.h"
#include "server/http/message.h"
#include "server/proxy/cache_request.h"
#include "server/proxy/fetch/fetch_table.h"
#include "server/proxy/fetch/recent_refreshes.h"
#include "server/proxy/http/http_handler.h"
#include "server/proxy/pass/pass_through_handler.h"
#include "server/proxy/services.h"
#include "server/upstream/upstream.h"
#include "storage/tiered_store.h"

namespace roktcached::proxy {

/// One request from lookup to answer: route, parameters, key, store, decision, fetch. One object a hit
/// thread.
///
/// answer_asked() is the one place with branches; what it calls has none that matter.
class ProxyHandler final : public http::Handler {
 public:
  ProxyHandler(const Services& services, counters::ClientStats& accounts, counters::RequestStats& traffic)
      : services_(services), http_(services), pass_(services), accounts_(accounts), traffic_(traffic) {}

  [[nodiscard]] bool answer_now(http::Request& request, http::Answer& answer) override;
  [[nodiscard]] boost::asio::awaitable<http::Answer> handle(const http::Request& request) override;
  void finished(const http::Request& request, const http::Answer& answer,
                const http::Written& written) override;

 private:
  /// What a request asks for, as far as it says so itself.
  struct Asked {
    const rokt::Route* route = nullptr;
    std::size_t credential = 0;
    CacheRequestPtr cache_request = nullptr;  // null where the route is not a report's, nor metadata
    bool remembered = false;
    std::string account_id = {};  // without a question
    std::string campaign_id = {};
  };
  /// What answer_now() has found out, where it could not answer.
  struct Found {
    Result<Asked> asked;
    std::optional<caching::StoredResponsePtr> stored;  // empty: only the disk can tell
  };
  [[nodiscard]] static Asked remembered(const CacheRequestPtr& cache_request);
  [[nodiscard]] Result<Asked> read(const http::Request& request);
  [[nodiscard]] Result<CacheRequestPtr> read_cache_request(const http::Request& request,
                                                           const rokt::RouteMatch& match,
                                                           std::size_t credential,
                                                           const http::Target& target) const;
  [[nodiscard]] CacheRequestMemory* memory_for(const http::Request& request);
  void refresh_behind(const caching::StoredResponsePtr& stored, const http::Request& request,
                      const CacheRequest& cache_request);
  /// Answers with what is stored where that is the decision, and refreshes it behind where that is, too.
  /// @return whether it was
  [[nodiscard]] bool use(const caching::StoredResponsePtr& stored, const http::Request& request,
                         const CacheRequest& cache_request, const caching::Decision& decision, WallTime now,
                         http::Answer& answer);
  boost::asio::awaitable<http::Answer> answer_asked(const http::Request& request, const Result<Asked>& asked,
                                                    const Found* found);
  boost::asio::awaitable<http::Answer> answer_cached(const http::Request& request,
                                                     CacheRequestPtr cache_request, const Found* found);
  boost::asio::awaitable<http::Answer> look_up_and_answer(const http::Request& request,
                                                          CacheRequestPtr cache_request, bool on_disk);
  boost::asio::awaitable<http::Answer> answer_from(const http::Request& request,
                                                   CacheRequestPtr cache_request,
                                                   caching::StoredResponsePtr stored, WallTime now);
  boost::asio::awaitable<http::Answer> fetch(const http::Request& request, CacheRequestPtr cache_request,
                                             caching::StoredResponsePtr stored, http::Forward reason);
  [[nodiscard]] static http::Answer no_room(const http::Request& request, const CacheRequest& cache_request);
  void answer_collapsed(http::Answer& answer, const http::Request& request, const CacheRequest& cache_request,
                        const caching::StoredResponsePtr& finished, http::Forward reason) const;
  void answer_with_result(http::Answer& answer, const http::Request& request,
                          const CacheRequest& cache_request, const FetchResult& result,
                          const caching::StoredResponsePtr& stored, http::Forward reason) const;

  const Services& services_;
  CacheRequestMemory cache_requests_;
  std::uint64_t questions_of_ = 0;  // the number of the settings that they follow from
  RecentRefreshes refreshes_;
  HttpHandler http_;
  PassThroughHandler pass_;
  counters::ClientStats& accounts_;
  counters::RequestStats& traffic_;
};

}  // namespace roktcached::proxy
