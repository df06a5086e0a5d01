#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "server/http/message.h"
#include "server/proxy/cache_request.h"
#include "server/proxy/formats/kept_conversions.h"
#include "storage/body_account.h"

namespace roktcached::proxy {

/// Makes another form of a stored answer: CSV or NDJSON of its JSON. A form is made once and kept. What would
/// take much memory is written as it is sent. One object a client thread.
class FormattedAnswers {
 public:
  /// Both outlive this.
  FormattedAnswers(KeptConversions& kept, storage::BodyAccount& bodies) : kept_(kept), bodies_(bodies) {}

  /// Gives `answer` the form, where that is done in no time.
  /// @param answer  to a request that is answered as_stored. One that is not made of a stored report, such as
  ///                an error, stays as it is
  /// @return false: only finish() can tell; `answer` is as it was
  [[nodiscard]] bool finish_now(const http::Request& request, const CacheRequest& cache_request,
                                formats::Format format, http::Answer& answer);
  /// The same, however long it takes. Others are served meanwhile.
  [[nodiscard]] boost::asio::awaitable<http::Answer> finish(const http::Request& request,
                                                            CacheRequestPtr cache_request,
                                                            formats::Format format, http::Answer answer);

 private:
  KeptConversions& kept_;
  storage::BodyAccount& bodies_;
};

}  // namespace roktcached::proxy
