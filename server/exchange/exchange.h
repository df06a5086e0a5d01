#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "config/settings.h"
#include "core/caching/decision.h"
#include "core/rokt/parameters.h"
#include "core/rokt/routes.h"
#include "server/exchange/accounts.h"
#include "server/exchange/flights.h"
#include "server/exchange/http_exchange.h"
#include "server/exchange/pass_exchange.h"
#include "server/exchange/question.h"
#include "server/exchange/recent_refreshes.h"
#include "server/exchange/services.h"
#include "server/exchange/traffic.h"
#include "server/inbound/message.h"
#include "server/upstream/upstream.h"
#include "storage/tiered_store.h"

namespace roktcached::exchange {

/// One request from lookup to answer: route, parameters, key, store, decision, flight. One object a hit
/// thread.
///
/// answer_asked() is the one place with branches; what it calls has none that matter.
class Exchange final : public inbound::Handler {
 public:
  Exchange(const Services& services, Accounts& accounts, Traffic& traffic)
      : services_(services), http_(services), pass_(services), accounts_(accounts), traffic_(traffic) {}

  [[nodiscard]] bool answer_now(inbound::Request& request, inbound::Answer& answer) override;
  [[nodiscard]] boost::asio::awaitable<inbound::Answer> handle(const inbound::Request& request) override;
  void finished(const inbound::Request& request, const inbound::Answer& answer,
                const inbound::Written& written) override;

 private:
  /// What a request asks for, as far as it says so itself.
  struct Asked {
    const rokt::Route* route = nullptr;
    std::size_t credential = 0;
    QuestionPtr question = nullptr;  // null where the route is not a report's, nor metadata
    bool remembered = false;
    std::string account_id = {};  // without a question
    std::string campaign_id = {};
  };
  /// What answer_now() has found out, where it could not answer.
  struct Found {
    Result<Asked> asked;
    std::optional<caching::StoredResponsePtr> stored;  // empty: only the disk can tell
  };
  [[nodiscard]] static Asked remembered(const QuestionPtr& question);
  [[nodiscard]] Result<Asked> read(const inbound::Request& request);
  [[nodiscard]] Result<QuestionPtr> read_question(const inbound::Request& request,
                                                  const rokt::RouteMatch& match, std::size_t credential,
                                                  const http::Target& target) const;
  void refresh_behind(const caching::StoredResponsePtr& stored, const inbound::Request& request,
                      const Question& question);
  /// Answers with what is stored where that is the decision, and refreshes it behind where that is, too.
  /// @return whether it was
  [[nodiscard]] bool use(const caching::StoredResponsePtr& stored, const inbound::Request& request,
                         const Question& question, const caching::Decision& decision, WallTime now,
                         inbound::Answer& answer);
  boost::asio::awaitable<inbound::Answer> answer_asked(const inbound::Request& request,
                                                       const Result<Asked>& asked, const Found* found);
  boost::asio::awaitable<inbound::Answer> answer_cached(const inbound::Request& request, QuestionPtr question,
                                                        const Found* found);
  boost::asio::awaitable<inbound::Answer> look_up_and_answer(const inbound::Request& request,
                                                             QuestionPtr question, bool on_disk);
  boost::asio::awaitable<inbound::Answer> answer_from(const inbound::Request& request, QuestionPtr question,
                                                      caching::StoredResponsePtr stored, WallTime now);
  boost::asio::awaitable<inbound::Answer> fetch(const inbound::Request& request, QuestionPtr question,
                                                caching::StoredResponsePtr stored, http::Forward reason);
  [[nodiscard]] static inbound::Answer no_room(const inbound::Request& request, const Question& question);
  void answer_collapsed(inbound::Answer& answer, const inbound::Request& request, const Question& question,
                        const caching::StoredResponsePtr& landed, http::Forward reason) const;
  void answer_landed(inbound::Answer& answer, const inbound::Request& request, const Question& question,
                     const Landing& landing, const caching::StoredResponsePtr& stored,
                     http::Forward reason) const;

  const Services& services_;
  QuestionMemory questions_;
  RecentRefreshes refreshes_;
  HttpExchange http_;
  PassExchange pass_;
  Accounts& accounts_;
  Traffic& traffic_;
};

}  // namespace roktcached::exchange
