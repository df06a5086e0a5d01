#include "server/upstream/desk.h"

#include <openssl/crypto.h>
#include <spdlog/spdlog.h>

#include "server/asio.h"

namespace roktcached::upstream {

namespace beast_http = boost::beast::http;

Desk::Desk(asio::any_io_executor executor, const config::Upstream& settings,
           const config::Credential& credential, const Clock& clock)
    : settings_(settings),
      clock_(clock),
      origin_(executor, settings),
      pool_(executor, origin_),
      endpoint_(executor, origin_, credential, clock),
      token_(executor, endpoint_, clock) {}

void Desk::stop() {
  token_.stop();
  pool_.stop();
}

asio::awaitable<UpstreamResult> Desk::send(UpstreamRequest request) {
  const bool exact_length = request.exact_length;
  UpstreamResult answer = co_await send_authorized(std::move(request));
  if (answer && answer->surplus && exact_length) {
    co_return UpstreamFailure{{ErrorCode::upstream_invalid_response, ErrorSource::upstream, false,
                               "the answer is longer than its Content-Length"},
                              std::nullopt};
  }
  co_return answer;
}

asio::awaitable<UpstreamResult> Desk::send_authorized(UpstreamRequest request) {
  const bool inject_token = request.inject_token;
  const std::shared_ptr<AnswerStream> stream = request.stream;
  WireRequest wire = to_wire(std::move(request));
  if (!inject_token) co_return co_await send_with(nullptr, wire, stream.get());

  const SteadyTime deadline = clock_.steady_now() + settings_.head_timeout;
  const auto token = co_await token_.get(deadline);
  if (!token) co_return token.error();
  UpstreamResult first = co_await send_with(*token, wire, stream.get());
  if (!first) co_return first;
  if (!may_mean_dead_token(first->status, *token)) {
    const bool refused = first->status == 400 || first->status == 401 || first->status == 403;
    if (!refused) token_.accepted(*token);
    co_return first;
  }
  const auto renewed = co_await token_.renew(*token, deadline);
  if (!renewed) co_return renewed.error();
  if (!*renewed) co_return first;  // too young to be dead: the refusal is meant
  spdlog::debug("upstream answered {}: replaying once with a new token", first->status);
  UpstreamResult second = co_await send_with(*renewed, wire, stream.get());
  if (second && second->status != 400 && second->status != 401 && second->status != 403)
    token_.accepted(*renewed);
  co_return second;
}

/// 401 and 403 always may; a 400 only while the token has not proved itself lately.
bool Desk::may_mean_dead_token(unsigned status, const TokenPtr& token) const {
  if (status == 401 || status == 403) return true;
  return status == 400 && !token_.recently_accepted(token);
}

asio::awaitable<UpstreamResult> Desk::send_with(const TokenPtr& token, WireRequest& wire,
                                                AnswerStream* stream) {
  if (token) {
    std::string authorization = "Bearer " + token->value.reveal();
    wire.set(beast_http::field::authorization, authorization);
    OPENSSL_cleanse(authorization.data(), authorization.size());
  }
  const WallTime sent_at = clock_.wall_now();
  requests_sent_.fetch_add(1, std::memory_order_relaxed);
  const bool may_repeat = wire.method() == beast_http::verb::get || wire.method() == beast_http::verb::head;
  Result<UpstreamResponse> response = co_await pool_.exchange(wire, may_repeat, stream);
  if (!response) {
    const bool waiting_helps = response.error().code == ErrorCode::overloaded;
    UpstreamFailure failure{response.error(), std::nullopt};
    if (waiting_helps) failure.retry_after = std::chrono::seconds{1};
    co_return failure;
  }
  response->sent_at = sent_at;
  co_return std::move(*response);
}

WireRequest Desk::to_wire(UpstreamRequest request) const {
  WireRequest wire;
  wire.version(11);
  wire.method_string(request.method);
  wire.target(settings_.url.base_path + request.target);
  wire.set(beast_http::field::host, origin_.host_field);
  wire.set(beast_http::field::accept, "*/*");
  wire.set(beast_http::field::accept_encoding, "identity");
  wire.set(beast_http::field::user_agent, "roktcached");
  for (const auto& field : request.fields.all()) wire.set(field.name, field.value);
  if (!request.body.empty() ||
      (wire.method() != beast_http::verb::get && wire.method() != beast_http::verb::head)) {
    wire.body() = std::move(request.body);
    wire.prepare_payload();
  }
  return wire;
}

}  // namespace roktcached::upstream
