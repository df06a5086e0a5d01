#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>

#include "core/caching/decision.h"
#include "server/http/message.h"
#include "server/proxy/cache_request.h"
#include "server/proxy/fetch/recent_keys.h"
#include "server/proxy/services.h"

namespace roktcached::proxy {

/// A request on a report or metadata route from look-up to answer: store, decision, fetch. One object a
/// client thread.
class ReportHandler {
 public:
  explicit ReportHandler(const Services& services) : services_(services) {}

  /// The result of a look-up that waits for nothing.
  struct Looked {
    std::optional<caching::StoredResponsePtr> stored;  ///< empty: only the disk can tell
    bool in_memory = false;
    WallTime at;  ///< when that was
  };

  /// Answers with what is stored, where that is the decision: the way of every hit.
  /// @param looked  is filled in
  /// @return whether it has
  [[nodiscard]] bool answer_now(const http::Request& request, const CacheRequest& cache_request,
                                Looked& looked, http::Answer& answer);
  /// @param looked  what answer_now has found, where it could not answer; null: it was not called
  [[nodiscard]] boost::asio::awaitable<http::Answer> answer(const http::Request& request,
                                                            CacheRequestPtr cache_request,
                                                            const Looked* looked);

 private:
  void refresh_behind(const caching::StoredResponsePtr& stored, const http::Request& request,
                      const CacheRequest& cache_request);
  /// Answers with what is stored, if that is the decision, and refreshes it behind if the decision says that,
  /// too.
  /// @return whether it was the decision
  [[nodiscard]] bool use(const caching::StoredResponsePtr& stored, const http::Request& request,
                         const CacheRequest& cache_request, const caching::Decision& decision, WallTime now,
                         http::Answer& answer);
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
  RecentRefreshes refreshes_;
};

}  // namespace roktcached::proxy
