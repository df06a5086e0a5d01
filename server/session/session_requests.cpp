// One request from its head to its answer; how the session goes on and ends is in session.cpp.
#include <utility>

#include "core/http/forwarding.h"
#include "server/access/browser_check.h"
#include "server/access/caller.h"
#include "server/access/presented.h"
#include "server/access/token_request.h"
#include "server/http/own_pseudonym.h"
#include "server/http/problem.h"
#include "server/http/request_target.h"
#include "server/runtime.h"
#include "server/session/request_id.h"
#include "server/session/session.h"

namespace roktcached::session {

namespace {

http::Answer preflight_answer(const http::Request& request, const http::Handler& handler) {
  http::Answer answer;
  answer.status = 204;
  answer.head = access::preflight_fields(request.fields, handler.methods_at(request));
  return answer;
}

/// RFC 9110, section 7.6.3.
Error came_back() {
  return {ErrorCode::loop_detected, false,
          "its Via shows that this proxy has sent it itself: upstream.url, or a proxy behind it, leads back "
          "here"};
}

}  // namespace

/// It is not known where the next request begins.
void Session::refuse() {
  http::Request& request = context_->incoming.request;
  request.client = peer_;
  refused_ = true;
  append_request_id(request.id, request.fields);
  set_browser_fields({});
  answer_with(problem(context_->incoming.why, request.id));
}

/// Checks whether a foreign page asks, and whether the request itself is acceptable.
Session::Need Session::ask() {
  const Incoming& incoming = context_->incoming;
  http::Request& request = context_->incoming.request;
  const Limits& limits = environment_.limits;
  request.client = peer_;  // until it is known better
  context_->told_to_continue = false;
  begin_under_what_is_in_force();
  append_request_id(request.id, request.fields);
  request.protocol = incoming.http11 ? "1.1" : "1.0";
  const auto origin =
      access::reading_origin(request.method, request.fields, encrypted_, limits.allowed_origins);
  set_browser_fields(origin ? *origin : std::string_view());
  auto api_key = access::take_api_key(request.target);
  refused_ = !api_key;  // others may read the target otherwise
  if (request.fields.contains("Via") && http::via_names(request.fields.combined("Via"), own_pseudonym()))
    return answer_with(problem(came_back(), request.id));
  if (!origin) return answer_with(problem(origin.error(), request.id));
  if (!api_key) return answer_with(problem(api_key.error(), request.id));
  if (const auto expected = check_expectation(request.fields); !expected)
    return answer_with(problem(expected.error(), request.id));
  if (access::is_preflight(request.method, *origin, request.fields))
    return answer_with(preflight_answer(request, environment_.handler));
  request.api_key = std::move(*api_key);
  return identify();
}

/// Finds out who asks, and whether it may.
Session::Need Session::identify() {
  http::Request& request = context_->incoming.request;
  stage_ = Stage::admitted;
  access::Authenticator* const asks = authenticator();
  if (asks == nullptr) {
    const bool names_itself = request.fields.contains("Authorization");
    if (names_itself || access::is_token_request(request))
      request.client = access::caller_of(request.fields, names_itself ? std::string_view() : request.body,
                                         peer_, environment_.limits.own_ids);
    return hand_over();
  }
  access::AccessDecision decision = asks->recall(request, certified_);
  if (decision.kind == access::AccessDecision::Kind::granted) return hand_over();
  if (decision.kind == access::AccessDecision::Kind::answered) return answer_with(std::move(decision.answer));
  stage_ = Stage::unidentified;
  return Need::nothing;
}

/// A reload between two requests is the later one's; one between look-up and answer is not.
void Session::begin_under_what_is_in_force() {
  if (environment_.runtime == nullptr) return;
  if (context_->runtime != *environment_.runtime) context_->runtime = *environment_.runtime;
  const Runtime& runtime = *context_->runtime->runtime;
  context_->incoming.request.runtime = &runtime;
  if (!encrypted_ || certified_under_ == runtime.number) return;
  certified_ = authenticator() != nullptr ? authenticator()->client_of(certificate_) : std::nullopt;
  certified_under_ = runtime.number;
}

/// Null: everybody may ask.
access::Authenticator* Session::authenticator() const {
  return context_->runtime ? context_->runtime->authenticator.get() : nullptr;
}

boost::asio::awaitable<access::AccessDecision> Session::authentication() {
  return authenticator()->verify(context_->incoming.request, certified_);
}

void Session::authenticated(access::AccessDecision decision) {
  stage_ = Stage::admitted;
  if (decision.kind == access::AccessDecision::Kind::answered) answer_with(std::move(decision.answer));
}

Session::Need Session::hand_over() {
  http::Request& request = context_->incoming.request;
  request.fields.remove("X-API-Key");
  if (environment_.handler.answer_now(request, context_->answer)) {
    stage_ = Stage::answered;
    return write();
  }
  access::remove_telling_fields(request.fields);
  departure().reset();
  request.departure = &departure();
  stage_ = Stage::handled;
  return Need::nothing;
}

boost::asio::awaitable<http::Answer> Session::handling(http::InterimSink& interim) {
  http::Request& request = context_->incoming.request;
  if (context_->incoming.http11) request.interim = &interim;
  return environment_.handler.handle(request);
}

Session::Need Session::answer_with(http::Answer answer) {
  context_->answer = std::move(answer);
  stage_ = Stage::answered;
  return Need::nothing;
}

Session::Need Session::write() {
  http::AnswerWriter& writer = context_->writer;
  if (writer.is_full()) return Need::flush;
  const Incoming& incoming = context_->incoming;
  judge_line();
  keep_alive_ = !incoming.last && !refused_ && !draining_ && !retiring_ && !ends_with_connection();
  const std::size_t content_bytes = writer.add(incoming.request, context_->answer,
                                               {.keep_alive = keep_alive_,
                                                .http11 = incoming.http11,
                                                .browser_fields = context_->browser_fields,
                                                .clock = environment_.clock});
  stage_ = context_->answer.content ? Stage::content : Stage::written;
  const bool others_follow =
      stage_ == Stage::written && keep_alive_ && context_->reader.has_begun() && !writer.is_full();
  if (others_follow) return finish({.content_bytes = content_bytes});
  return stage_ == Stage::content ? Need::flush : Need::write;
}

/// A malformed request line ends the connection. Some faults of it are seen only by the code that was to
/// answer it. A request that a route has answered, such as every hit, was read in full, so that its line is
/// known to be good.
void Session::judge_line() {
  const http::Answer& answer = context_->answer;
  const bool by_route = !answer.notes.route.empty() && answer.status != 400;
  const http::Request& request = context_->incoming.request;
  if (!refused_ && !by_route) refused_ = !http::is_beyond_doubt(request.method, request.target);
}

void Session::set_browser_fields(std::string_view origin) {
  context_->browser_fields.clear();
  access::add_browser_fields(context_->browser_fields, origin, !environment_.limits.allowed_origins.empty());
}

}  // namespace roktcached::session
