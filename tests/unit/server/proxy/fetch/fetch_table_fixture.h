#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <functional>
#include <optional>
#include <variant>

#include "core/caching/variants.h"
#include "server/asio.h"
#include "server/proxy/fetch/fetch_table.h"
#include "storage/memory/memory_store.h"
#include "tests/unit/server/fake_clock.h"

namespace roktcached::proxy {

using namespace std::chrono_literals;  // NOLINT(google-global-names-in-headers)

/// Answers when the test says so, every waiting request alike.
class FakeUpstream final : public upstream::Upstream {
 public:
  FakeUpstream(boost::asio::io_context& context, const Clock& clock) : gate_(context), clock_(clock) {
    gate_.expires_at(SteadyTime::max());
  }

  boost::asio::awaitable<upstream::UpstreamResult> send(const upstream::UpstreamRequest& request) override {
    requests.push_back(request);
    const std::size_t round = rounds;
    while (rounds == round) co_await gate_.async_wait(as_result);
    co_return answer(request);
  }
  [[nodiscard]] bool idle(std::size_t) const override { return is_idle; }
  void respond(std::function<upstream::UpstreamResult()> with) {
    answer_ = std::move(with);
    ++rounds;
    gate_.cancel();
  }
  upstream::UpstreamResult answer(const upstream::UpstreamRequest&) {
    upstream::UpstreamResult result = answer_();
    if (result) result->sent_at = clock_.wall_now();
    return result;
  }

  std::deque<upstream::UpstreamRequest> requests;
  std::size_t rounds = 0;
  bool is_idle = true;

 private:
  boost::asio::steady_timer gate_;
  const Clock& clock_;
  std::function<upstream::UpstreamResult()> answer_;
};

/// JSON of one text.
inline std::string report_of(const std::string& text) {
  return "[\"" + text + "\"]";
}

inline upstream::UpstreamResult answer_of(std::string body, unsigned status = 200) {
  upstream::UpstreamResponse response;
  response.status = status;
  response.fields.add("ETag", "\"v1\"");
  response.body = std::move(body);
  return response;
}

inline upstream::UpstreamResult ok(const std::string& text) {
  return answer_of(text.starts_with('{') ? text : report_of(text));
}

inline upstream::UpstreamResult dead() {
  return upstream::UpstreamFailure{{ErrorCode::upstream_unreachable, true, "dead", ErrorSource::upstream},
                                   std::nullopt};
}

inline upstream::UpstreamResult bare_304() {
  upstream::UpstreamResponse response;
  response.status = 304;
  return response;
}

inline upstream::UpstreamResult http_answer(const std::string& cache_control, std::string body = "body",
                                            unsigned status = 200) {
  upstream::UpstreamResponse response;
  response.status = status;
  if (!cache_control.empty()) response.fields.add("Cache-Control", cache_control);
  response.body = std::move(body);
  return response;
}

class FetchTableTest : public testing::Test {
 protected:
  using Answer = std::shared_ptr<std::optional<FetchResult>>;

  void run() {
    context.restart();
    context.poll();
  }
  FetchRequest request(const std::string& key) {
    FetchRequest fetch;
    fetch.key = caching::Key(key);
    fetch.route_class = rokt::RouteClass::metadata;
    fetch.upstream.target = "/" + key;
    fetch.policy = policy;
    fetch.received_at = clock.steady_now();
    return fetch;
  }
  /// A GET on an http route with these fields.
  FetchRequest http_request(const std::string& target,
                            const std::vector<std::pair<std::string, std::string>>& fields = {}) {
    FetchRequest fetch;
    fetch.key = caching::http_key("default", target);
    fetch.route = "files";
    fetch.route_class = rokt::RouteClass::http;
    fetch.upstream.target = target;
    fetch.policy = policy;
    fetch.received_at = clock.steady_now();
    auto http = std::make_shared<HttpFetch>();
    http->target = fetch.key;
    http->method = "GET";
    for (const auto& [name, value] : fields) http->client.add(name, value);
    fetch.http = std::move(http);
    return fetch;
  }
  Answer join(FetchRequest fetch) { return join(std::move(fetch), ticket()); }
  Answer join(FetchRequest fetch, FetchTable::TicketPtr ticket) {
    return spawned(fetches.join(std::make_unique<FetchRequest>(std::move(fetch)), std::move(ticket)));
  }
  Answer join_http(FetchRequest fetch, FetchTable::Sharing sharing = FetchTable::Sharing::shared) {
    return join_http(std::move(fetch), sharing, ticket());
  }
  Answer join_http(FetchRequest fetch, FetchTable::Sharing sharing, FetchTable::TicketPtr ticket) {
    return spawned(fetches.join_http(std::move(fetch), sharing, std::move(ticket)));
  }
  Answer spawned(boost::asio::awaitable<FetchResult> joined) {
    auto answer = std::make_shared<std::optional<FetchResult>>();
    boost::asio::co_spawn(
        context, std::move(joined),
        [answer](const std::exception_ptr&, FetchResult result) { *answer = std::move(result); });
    run();
    return answer;
  }
  FetchTable::TicketPtr ticket() { return std::make_shared<FetchTable::Ticket>(fetches); }
  void respond(std::function<upstream::UpstreamResult()> with) {
    upstream.respond(std::move(with));
    run();
  }

  /// What comes of an answer in pieces.
  struct Read {
    std::optional<upstream::AnswerHead> head;
    std::string content;
    std::optional<upstream::AnswerEnd> end;
  };
  Read read_all(const GrowingAnswer::ReaderPtr& reader) {
    const auto read = std::make_shared<Read>();
    boost::asio::co_spawn(
        context,
        [read, reader]() -> boost::asio::awaitable<void> {
          while (!read->end) {
            GrowingAnswer::Piece piece = co_await reader->read();
            if (auto* const head = std::get_if<upstream::AnswerHead>(&piece)) read->head = *head;
            if (auto* const bytes = std::get_if<upstream::ContentBytes>(&piece))
              read->content += bytes->bytes;
            if (auto* const end = std::get_if<upstream::AnswerEnd>(&piece)) read->end = *end;
          }
        },
        boost::asio::detached);
    run();
    return *read;
  }

  FakeClock clock;
  boost::asio::io_context context{1};
  boost::asio::io_context helpers{1};
  FakeUpstream upstream{context, clock};
  storage::MemoryStore store{1 << 20};
  caching::FreshnessPolicy policy;
  storage::BodyAccount bodies{1 << 20};
  FetchTable fetches{context.get_executor(), helpers.get_executor(), upstream, store, bodies, 1 << 20, clock};
};

}  // namespace roktcached::proxy
