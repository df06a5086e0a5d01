#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "core/http/fields.h"
#include "server/asio.h"
#include "server/proxy/proxy_handler.h"
#include "server/runtime.h"
#include "server/worker_pool.h"
#include "storage/memory/memory_store.h"
#include "tests/unit/server/fake_clock.h"

namespace roktcached::proxy {

using namespace std::chrono_literals;  // NOLINT(google-global-names-in-headers)

/// Answers at once what the test says, and keeps every request.
class ScriptedUpstream final : public upstream::Upstream {
 public:
  using Script = std::function<upstream::UpstreamResult(const upstream::UpstreamRequest&)>;

  explicit ScriptedUpstream(const Clock& clock) : clock_(clock) {}

  boost::asio::awaitable<upstream::UpstreamResult> send(const upstream::UpstreamRequest& request) override {
    requests.push_back(request);
    if (stream_first) co_await stream_first(request.stream);
    upstream::UpstreamResult result = answer(request);
    if (result) result->sent_at = clock_.wall_now();
    co_return result;
  }
  [[nodiscard]] bool idle(std::size_t) const override { return is_idle; }

  bool is_idle = false;
  Script answer;
  /// What comes in pieces before that; empty: nothing.
  std::function<boost::asio::awaitable<void>(std::shared_ptr<GrowingAnswer>)> stream_first;
  std::vector<upstream::UpstreamRequest> requests;

 private:
  const Clock& clock_;
};

inline upstream::UpstreamResult upstream_answer(unsigned status, std::string body,
                                                const std::vector<http::Field>& fields = {}) {
  upstream::UpstreamResponse response;
  response.status = status;
  response.body = std::move(body);
  for (const auto& field : fields) response.fields.add(field.name, field.value);
  return response;
}

inline upstream::UpstreamResult upstream_failure(ErrorCode code, ErrorSource source = ErrorSource::upstream) {
  return upstream::UpstreamFailure{{code, true, "no luck", source}, 3s};
}

/// A whole exchange, of the one thread that the test runs, between requests as a connection hands them over
/// and an upstream. Two credentials: "default", which all accounts but 9 go with, and "emea" for that.
class ProxyFixture : public testing::Test {
 protected:
  ProxyFixture() {
    upstream.answer = [](const upstream::UpstreamRequest&) { return upstream_answer(200, R"({"a":1})"); };
  }

  static std::vector<rokt::Route> more_routes() {
    std::vector<rokt::Route> all;
    all.push_back({"files", "/files/{rest...}", {"GET", "POST", "PUT"}, rokt::RouteClass::http, {}, false});
    all.push_back({"tools", "/tools/{rest...}", {"GET"}, rokt::RouteClass::http, {}, true});
    all.push_back({"logs", "/logs/{rest...}", {"GET", "POST", "DELETE"}, rokt::RouteClass::off, {}, false});
    all.push_back({"mixed-get", "/mixed/{name}", {"GET"}, rokt::RouteClass::http, {}, false});
    all.push_back({"mixed-post", "/mixed/{name}", {"POST"}, rokt::RouteClass::off, {}, false});
    return all;
  }
  static config::Settings two_credentials() {
    config::Settings settings;
    settings.log.access = false;
    settings.credentials.resize(2);
    settings.credentials[0].name = "emea";
    settings.credentials[0].accounts = {"9"};
    settings.credentials[1].name = "default";
    settings.routes = more_routes();
    return settings;
  }
  /// A report whose range has ended long ago.
  static std::string report(const std::string& account = "1", const std::string& more = {}) {
    return "/reporting/accounts/" + account +
           "/summary?dateStart=2020-01-01&dateEnd=2020-01-31&currency=USD&timeZoneVariation=UTC" + more;
  }
  static std::string metadata(const std::string& account = "1") {
    return "/metadata/accounts/" + account + "/campaigns/2";
  }

  http::Answer ask(const std::string& target, const std::vector<http::Field>& fields = {},
                   const std::string& method = "GET", const std::string& body = {}) {
    http::Request request;
    request.method = method;
    request.target = target;
    request.body = body;
    for (const auto& field : fields) request.fields.add(field.name, field.value);
    return ask(std::move(request));
  }
  http::Answer ask(http::Request request) {
    request.id = "id-1";
    request.client = "client";
    if (request.runtime == nullptr) request.runtime = &runtime;
    request.received_at = clock.steady_now();
    http::Answer answer;
    if (!exchange.answer_now(request, answer)) answer = answer_later(request);
    exchange.finished(request, answer, {});
    run();
    return answer;
  }
  void run() {
    context.restart();
    context.poll();
  }
  /// The value of Cache-Status.
  static std::string told(const http::Answer& answer) {
    return std::string(http::value_in_lines(answer.head, "Cache-Status"));
  }
  static bool has(const http::Answer& answer, std::string_view name) {
    const std::string all = answer.head + std::string(answer.shared_head);
    return http::Fields::from_lines(all).contains(name);
  }
  /// The content of an answer, whole or in pieces.
  std::string content_of(http::Answer& answer) {
    if (answer.body) return std::string(answer.whole_content());
    std::string content;
    if (!answer.content) return content;
    boost::asio::co_spawn(
        context,
        [&]() -> boost::asio::awaitable<void> {
          while (true) {
            const auto piece = co_await answer.content->next();
            if (!piece) content += "!";
            if (!piece || !*piece) co_return;
            content += (*piece)->bytes;
          }
        },
        [](const std::exception_ptr& failure) { EXPECT_FALSE(failure); });
    run();
    return content;
  }

  FakeClock clock;
  boost::asio::io_context context{1};
  WorkerPool readers{1, "reading"};
  const Runtime runtime{two_credentials(), nullptr, 1};
  storage::TieredStore store{std::make_unique<storage::MemoryStore>(1 << 20), nullptr};
  ScriptedUpstream upstream{clock};
  storage::BodyAccount bodies{1 << 20};
  FetchTable fetches{context.get_executor(), context.get_executor(), upstream, store, bodies, 1 << 20, clock};
  KeptConversions conversions{1 << 20};
  AccountZones zones;
  DiskLookups disk{readers.executor(), {}, {}, {}};
  Services services{store,  disk,  fetches,     upstream, context.get_executor(),
                    bodies, clock, conversions, zones};
  counters::ClientStats accounts;
  counters::RequestStats traffic;
  ProxyHandler exchange{services, accounts, traffic};

 private:
  http::Answer answer_later(const http::Request& request) {
    std::optional<http::Answer> answer;
    boost::asio::co_spawn(context, exchange.handle(request),
                          [&](const std::exception_ptr& failure, http::Answer given) {
                            EXPECT_FALSE(failure);
                            answer = std::move(given);
                          });
    context.restart();
    while (!answer && context.run_one() > 0) {
    }
    return std::move(answer.value());
  }
};

}  // namespace roktcached::proxy
