#include "server/proxy/pass/pass_through_handler.h"

#include <boost/asio/co_spawn.hpp>
#include <optional>

#include "core/caching/http_rules.h"
#include "server/asio.h"
#include "server/background.h"
#include "server/proxy/answers.h"
#include "server/proxy/forwarded_fields.h"
#include "server/proxy/streaming.h"

namespace roktcached::proxy {

using http::Answer;
using http::Request;

namespace {

/// How a request that was sent has ended; written on the upstream thread before the stream's end, read after.
using Ending = std::shared_ptr<std::optional<upstream::UpstreamResult>>;

asio::awaitable<void> send_into(upstream::Upstream& upstream, upstream::UpstreamRequest request,
                                Ending ending) {
  const std::shared_ptr<GrowingAnswer> stream = request.stream;
  *ending = co_await upstream.send(request);
  std::optional<Error> error;
  if (!**ending) error = (*ending)->error().error;
  stream->end(std::move(error));
}

/// Sends the request on the upstream thread. Its stream ends, whatever happens.
void start(const Services& services, upstream::UpstreamRequest request, Ending ending) {
  const std::shared_ptr<GrowingAnswer> stream = request.stream;
  auto sending = [&services, request = std::move(request), ending = std::move(ending), stream]() mutable {
    auto send = [&upstream = services.upstream, request = std::move(request),
                 ending = std::move(ending)]() mutable {
      return send_into(upstream, std::move(request), std::move(ending));
    };
    const auto at_end = [stream](bool failed) {
      if (failed) stream->end(Error{ErrorCode::internal, true, "the request failed"});
    };
    spawn_watched(services.upstream_executor, std::move(send), "passing a request on", at_end);
  };
  if (runs_here(services.upstream_executor)) return sending();
  asio::post(services.upstream_executor, std::move(sending));
}

upstream::UpstreamRequest request_passed(const Request& request, const rokt::Route& route,
                                         std::size_t credential) {
  upstream::UpstreamRequest to_send;
  to_send.method = request.method;
  to_send.client = request.client;
  to_send.route = request.runtime->lasting_name(route);
  to_send.reason = counters::Reason::passed;
  to_send.target = request.target;
  to_send.body = request.body;
  to_send.accept_gzip = false;
  to_send.inject_token = route.inject_token;
  to_send.credential = credential;
  to_send.fields = forwarded_fields(request, route, {});
  to_send.received_protocol = request.protocol;
  return to_send;
}

/// Whether the entries of the target must go. They must also go if the answer to a write was lost.
bool may_have_changed(std::string_view method, const std::optional<upstream::AnswerHead>& head,
                      const std::optional<upstream::UpstreamResult>& result) {
  if (head) return caching::invalidates(method, head->status);
  if (result && *result) return caching::invalidates(method, (*result)->status);
  const bool sent = result && result->error().error.source == ErrorSource::upstream;
  return sent && caching::is_unsafe(method);
}

}  // namespace

asio::awaitable<Answer> PassThroughHandler::answer(const Request& request, const rokt::Route& route,
                                                   std::size_t credential) {
  const SteadyTime asked_at = services_.clock.steady_now();
  const auto stream =
      GrowingAnswer::make(services_.upstream_executor, services_.bodies,
                          {request.runtime->settings.upstream.max_response}, GrowingAnswer::Keep::part);
  GrowingAnswer::ReaderPtr reader = stream->attach();
  upstream::UpstreamRequest to_send = request_passed(request, route, credential);
  to_send.stream = stream;
  to_send.turn = std::make_shared<upstream::Turn>();
  stream->when_unread([turn = to_send.turn] { turn->abandon(); });
  const auto ending = std::make_shared<std::optional<upstream::UpstreamResult>>();
  start(services_, std::move(to_send), ending);
  std::optional<upstream::AnswerHead> head = co_await read_beginning(request, *reader);

  if (request.departure != nullptr && request.departure->gone()) {
    if (caching::is_unsafe(request.method)) co_await invalidate(services_, *request.runtime, request.target);
    Answer nothing = client_gone(request);
    nothing.notes.route = route.name;
    co_return nothing;
  }
  if (may_have_changed(request.method, head, *ending))
    co_await invalidate(services_, *request.runtime, request.target);

  Answer answer;
  if (head) {
    answer = answer_passed(head->status, head->fields);
    answer.content = content_of(std::move(reader), request.departure);
    answer.content_length = head->length;
  } else if (!*ending) {
    const upstream::UpstreamFailure failure{{ErrorCode::internal, true, "the request failed"}, std::nullopt};
    answer = failure_answer(request, failure, http::Forward::bypass);
  } else if (upstream::UpstreamResult& result = **ending; result) {
    answer = answer_passed(result->status, result->fields);
    answer.body = result->held.share(std::move(result->body));
  } else {
    answer = failure_answer(request, result.error(), http::Forward::bypass);
  }
  answer.notes.route = route.name;
  answer.notes.upstream =
      std::chrono::duration_cast<std::chrono::milliseconds>(services_.clock.steady_now() - asked_at);
  co_return answer;
}

}  // namespace roktcached::proxy
