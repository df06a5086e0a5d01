#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "core/rokt/routes.h"
#include "server/counters/client_stats.h"
#include "server/counters/request_stats.h"
#include "server/http/message.h"
#include "server/proxy/cache_request.h"
#include "server/proxy/formats/formatted_answers.h"
#include "server/proxy/http/http_handler.h"
#include "server/proxy/pass/pass_through_handler.h"
#include "server/proxy/report/report_handler.h"
#include "server/proxy/services.h"

namespace roktcached::proxy {

/// Says what a request asks for (route, account, parameters, key), and hands it to the handler of its route's
/// class. One object a client thread.
class ProxyHandler final : public http::Handler {
 public:
  ProxyHandler(const Services& services, counters::ClientStats& accounts, counters::RequestStats& traffic)
      : services_(services),
        report_(services),
        http_(services),
        pass_(services),
        formatted_(services.conversions, services.bodies),
        accounts_(accounts),
        traffic_(traffic) {}

  [[nodiscard]] bool answer_now(http::Request& request, http::Answer& answer) override;
  [[nodiscard]] boost::asio::awaitable<http::Answer> handle(const http::Request& request) override;
  [[nodiscard]] std::string methods_at(const http::Request& preflight) const override;
  void finished(const http::Request& request, const http::Answer& answer,
                const http::Written& written) override;

 private:
  /// The request as far as it can be read from itself: route, account, parameters, key.
  struct Asked {
    const rokt::Route* route = nullptr;
    std::size_t credential = 0;
    CacheRequestPtr cache_request = nullptr;  // null if the route is not a report's, nor metadata
    bool remembered = false;
    std::string account_id = {};  // without a question
    std::string campaign_id = {};
  };
  /// The findings of answer_now(), if it could not answer.
  struct Found {
    Result<Asked> asked;
    ReportHandler::Looked looked;
    formats::Format format = formats::Format::json;
    std::optional<http::Answer> unformatted;  // there is an answer, and its form takes a while to make
  };
  [[nodiscard]] static Asked remembered(const CacheRequestPtr& cache_request);
  [[nodiscard]] Result<Asked> read(const http::Request& request);
  [[nodiscard]] bool holds(const CacheRequest& cache_request) const;
  [[nodiscard]] CacheRequestMemory* memory_for(const http::Request& request);
  bool answer_presented_now(http::Request& request, Result<Asked> asked, http::Answer& answer);
  void remember(const http::Request& request, const Asked& asked, const ReportHandler::Looked& looked);
  boost::asio::awaitable<http::Answer> answer_asked(const http::Request& request, const Found& found);
  boost::asio::awaitable<http::Answer> answer_report(const http::Request& request, const Found& found);
  boost::asio::awaitable<http::Answer> answer_presented(const http::Request& request, const Found& found);

  const Services& services_;
  CacheRequestMemory cache_requests_;
  std::uint64_t questions_of_ = 0;  // the number of the settings that they follow from
  ReportHandler report_;
  HttpHandler http_;
  PassThroughHandler pass_;
  FormattedAnswers formatted_;
  counters::ClientStats& accounts_;
  counters::RequestStats& traffic_;
};

}  // namespace roktcached::proxy
