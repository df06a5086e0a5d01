#include "server/session/client_connection.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "core/http/forwarding.h"
#include "server/access/authenticator.h"
#include "server/access/browser_check.h"
#include "server/access/caller.h"
#include "server/access/presented.h"
#include "server/access/token_request.h"
#include "server/background.h"
#include "server/http/own_pseudonym.h"
#include "server/http/problem.h"
#include "server/http/request_target.h"
#include "server/runtime.h"
#include "server/session/request_id.h"

namespace roktcached::session {

namespace {

constexpr std::string_view serving = "serving a connection";

/// For the access log and the counters, as nginx has it; nobody gets it.
constexpr unsigned client_closed_request = 499;

http::Answer preflight_answer(const http::Request& request) {
  http::Answer answer;
  answer.status = 204;
  answer.head = access::preflight_fields(request.fields);
  return answer;
}

/// RFC 9110, section 7.6.3.
Error came_back() {
  return {ErrorCode::loop_detected, ErrorSource::inbound, false,
          "its Via shows that this proxy has sent it itself: upstream.url, or a proxy behind it, leads back "
          "here"};
}

}  // namespace

ClientConnection::ClientConnection(Accepted accepted, const ServerContext& server, Registrar& registrar)
    : stream_(std::move(accepted.executor), std::move(accepted.descriptor), accepted.peer.protocol(),
              std::move(accepted.tls)),
      server_(server),
      registrar_(registrar),
      // cancel, not close: who waits decides what is still to be said.
      deadline_(stream_.executor(), [this] { timed_out(); }),
      peer_(net::address_of(accepted.peer)) {}

ClientConnection::~ClientConnection() {
  if (waiting_) server_.poller.forget(*this);
}

void ClientConnection::drain() {
  draining_ = true;
  if (waiting_) interrupt();
}

void ClientConnection::abort() {
  draining_ = true;
  aborted_ = true;
  interrupt();
}

/// A client may take its time for an answer, as long as it takes it.
void ClientConnection::timed_out() {
  if (request_context_ && request_context_->writer.may_go_on(stream_, deadline_)) return;
  interrupt();
}

/// Ends what is waited for, but not before the caller is done.
void ClientConnection::interrupt() {
  stream_.cancel();
  if (!waiting_ || stream_.encrypted()) return;
  asio::post(stream_.executor(), [self = shared_from_this()] {
    // It may have been woken meanwhile, and wait for another request.
    const bool still = self->waiting_ && (self->draining_ || self->deadline_.expired());
    if (still) self->guarded([&] { self->interrupted(); });
  });
}

void ClientConnection::start() {
  guarded([this] {
    if (stream_.encrypted()) return go_on(Need::handshake);
    serve_what_is_here();
  });
}

/// Between two requests nothing waits but the poller: an idle connection is to be small.
void ClientConnection::go_on(Need need) {
  const bool idle = need == Need::request && !draining_;
  if (!stream_.encrypted() && idle) return wait();
  if (need == Need::turn) return;
  if (!stream_.encrypted() && need == Need::end && !refused_) return end();
  spawn_watched(stream_.executor(), serve(need), serving, [self = shared_from_this()](bool failed) {
    if (failed) self->end();
  });
}

void ClientConnection::wait() {
  put_away();
  waiting_ = true;
  deadline_.expires_after(server_.limits.idle_timeout);
  server_.poller.watch(stream_.descriptor(), *this, stream_.drained());
}

void ClientConnection::woken() {
  const auto self = shared_from_this();
  guarded([this] {
    stop_waiting();
    serve_what_is_here();
  });
}

void ClientConnection::resumed() {
  const auto self = shared_from_this();
  guarded([this] { go_on(advance()); });
}

/// A request that is already here when the connection is drained was sent in good faith: it is still
/// answered.
void ClientConnection::interrupted() {
  server_.poller.forget(*this);
  stop_waiting();
  if (draining_ && !aborted_ && stream_.has_received()) return serve_what_is_here();
  end();
}

void ClientConnection::stop_waiting() {
  deadline_.clear();
  waiting_ = false;
}

void ClientConnection::serve_what_is_here() {
  if (!take_in()) return end();
  go_on(advance());
}

void ClientConnection::end() {
  const bool clean = request_context_ && !refused_ && stage_ == Stage::reading &&
                     !request_context_->reader.has_begun() && request_context_->writer.is_empty();
  if (request_context_) request_context_->departure.reset();
  if (clean) {
    server_.contexts.give_back(std::move(request_context_));
  } else if (request_context_) {
    request_context_->incoming.clear();  // of secrets, too
  }
  server_.poller.forget(*this);
  deadline_.clear();
  resets_ ? stream_.reset() : stream_.close();
  registrar_.ended(*this);
}

/// What escapes is a bug; it ends the connection, and no other.
template <class Action>
void ClientConnection::guarded(Action action) {
  try {
    action();
  } catch (...) {
    log_failure(serving, std::current_exception());
    end();
  }
}

/// Waits for what advance() needs, until there is nothing to wait for but another request.
asio::awaitable<void> ClientConnection::serve(Need need) {
  while (need != Need::end) {
    if (need == Need::request && !stream_.encrypted() && !draining_) {
      wait();
      co_return;
    }
    if (need == Need::turn) co_return;
    const bool more = co_await get(need);
    need = more ? advance() : Need::end;
  }
  co_await part();
  end();
}

ClientConnection::Need ClientConnection::advance() {
  Need need = step();
  while (need == Need::nothing) need = step();
  return need;
}

ClientConnection::Need ClientConnection::step() {
  switch (stage_) {
    case Stage::reading:
      return read();
    case Stage::asked:
      return ask();
    case Stage::admitted:
      return hand_over();
    case Stage::answered:
      return write();
    case Stage::written:
      return send();
  }
  return Need::end;
}

ClientConnection::Need ClientConnection::read() {
  if (!request_context_) return Need::request;
  RequestReader& reader = request_context_->reader;
  return came(reader.has_begun() ? reader.take(request_context_->incoming, stream_.encrypted())
                                 : Incoming::End::more);
}

ClientConnection::Need ClientConnection::came(Incoming::End end) {
  http::Request& request = request_context_->incoming.request;
  request.client = peer_;  // until it is known better
  switch (end) {
    case Incoming::End::more:
      // Whatever is waited for: what was answered is not held back for it.
      if (!request_context_->writer.send_now(stream_)) return Need::room;
      return request_context_->reader.has_begun() ? Need::rest : Need::request;
    case Incoming::End::nothing:
      return Need::end;
    case Incoming::End::request:
      stage_ = Stage::asked;
      return Need::nothing;
    case Incoming::End::refused:
      refused_ = true;
      append_request_id(request.id, request.fields);
      set_browser_fields({});
      return answer_with(problem(request_context_->incoming.why, request.id));
  }
  return Need::end;
}

/// Who asks, by whose page, and whether it may.
ClientConnection::Need ClientConnection::ask() {
  http::Request& request = request_context_->incoming.request;
  const Limits& limits = server_.limits;
  begin_under_what_is_in_force();
  append_request_id(request.id, request.fields);
  request.protocol = request_context_->incoming.http11 ? "1.1" : "1.0";
  if (request_context_->incoming.http11) request.interim = this;
  const auto origin =
      access::reading_origin(request.method, request.fields, stream_.encrypted(), limits.allowed_origins);
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
    return answer_with(preflight_answer(request));
  request.api_key = std::move(*api_key);
  stage_ = Stage::admitted;
  access::Authenticator* const asks = door();
  if (asks == nullptr) {
    const bool names_itself = request.fields.contains("Authorization");
    if (names_itself || access::is_token_request(request))
      request.client = access::caller_of(request.fields, names_itself ? std::string_view() : request.body,
                                         peer_, limits.own_ids);
    return Need::nothing;
  }
  access::AccessDecision admission = asks->recall(request, certified_);
  if (admission.kind == access::AccessDecision::Kind::unknown) return Need::client;
  if (admission.kind == access::AccessDecision::Kind::answered)
    return answer_with(std::move(admission.answer));
  return Need::nothing;
}

/// A reload between two requests is the later one's; one between look-up and answer is not.
void ClientConnection::begin_under_what_is_in_force() {
  if (server_.runtime == nullptr) return;
  if (request_context_->runtime != *server_.runtime) request_context_->runtime = *server_.runtime;
  const Runtime& runtime = *request_context_->runtime->runtime;
  request_context_->incoming.request.runtime = &runtime;
  if (!stream_.encrypted() || certified_under_ == runtime.number) return;
  certified_ = door() != nullptr ? door()->client_of(stream_.certificate()) : std::nullopt;
  certified_under_ = runtime.number;
}

/// Who finds out whose the request at hand is; null: everybody may ask.
access::Authenticator* ClientConnection::door() const {
  return request_context_->runtime ? request_context_->runtime->authenticator.get() : nullptr;
}

ClientConnection::Need ClientConnection::hand_over() {
  http::Request& request = request_context_->incoming.request;
  request.fields.remove("X-API-Key");
  if (!server_.handler.answer_now(request, request_context_->answer)) return Need::answer;
  stage_ = Stage::answered;
  return Need::nothing;
}

void ClientConnection::set_browser_fields(std::string_view origin) {
  request_context_->browser_fields.clear();
  access::add_browser_fields(request_context_->browser_fields, origin,
                             !server_.limits.allowed_origins.empty());
}

ClientConnection::Need ClientConnection::answer_with(http::Answer answer) {
  request_context_->answer = std::move(answer);
  stage_ = Stage::answered;
  return Need::nothing;
}

/// A request line of which only who was to answer it could tell that it is malformed ends the connection as
/// any other does. What a route has answered, and every hit is that, it has read.
void ClientConnection::judge_line() {
  const http::Answer& answer = request_context_->answer;
  const bool by_route = !answer.notes.route.empty() && answer.status != 400;
  const http::Request& request = request_context_->incoming.request;
  if (!refused_ && !by_route) refused_ = !http::is_beyond_doubt(request.method, request.target);
}

ClientConnection::Need ClientConnection::write() {
  RequestContext& request_context = *request_context_;
  if (request_context.writer.is_full() && !request_context.writer.send_now(stream_)) return Need::room;
  const Incoming& incoming = request_context.incoming;
  judge_line();
  // An HTTP/1.0 client learns the end of a content of unknown length by the end of the connection.
  const bool ends_with_connection =
      request_context.answer.content && !request_context.answer.content_length && !incoming.http11;
  keep_alive_ = !incoming.last && !refused_ && !draining_ && !ends_with_connection;
  const http::AnswerFrame frame{
      .keep_alive = keep_alive_, .http11 = incoming.http11, .browser_fields = request_context.browser_fields};
  body_bytes_ = request_context.writer.add(incoming.request, request_context.answer, frame);
  stage_ = Stage::written;
  if (request_context.answer.content) return Need::content;
  const bool others_follow =
      keep_alive_ && request_context.reader.has_begun() && !request_context.writer.is_full();
  return others_follow ? finish({.content_bytes = body_bytes_}) : Need::nothing;
}

ClientConnection::Need ClientConnection::send() {
  if (!stream_.encrypted() && server_.poller.put_off(*this)) return Need::turn;
  const auto after = keep_alive_ ? net::ClientStream::After::more : net::ClientStream::After::end;
  if (!request_context_->writer.send_now(stream_, after)) return Need::room;
  if (!keep_alive_) look_behind();
  return finish({.content_bytes = body_bytes_});
}

/// Bytes behind the last request are to be read away, as those behind a refused one: close() resets the
/// connection where there are any, and what the client has not yet received of the answer is lost.
void ClientConnection::look_behind() {
  // What has been read already says that more may be on its way, which close() would reset as well.
  if (request_context_->reader.has_begun() || stream_.has_received()) refused_ = true;
}

/// The answer at hand, where there is one, does not go out whole. Its client sees that by its framing; where
/// the end of the connection is to be the end of the content, a reset takes its place. A client that is too
/// slow is reset as well: else the kernel would hold what is queued for it for as long as it likes.
void ClientConnection::cut_off(http::Cut why) {
  RequestContext& request_context = *request_context_;
  const http::Answer& answer = request_context.answer;
  const bool ends_with_connection =
      answer.content && !answer.content_length && !request_context.incoming.http11;
  if (aborted_) why = http::Cut::shutdown;
  const bool too_slow =
      why == http::Cut::write_timeout || why == http::Cut::write_rate || why == http::Cut::overloaded;
  resets_ = too_slow || ends_with_connection;
  refused_ = false;  // there is nobody to linger for
  const std::size_t lost = resets_ || why == http::Cut::client_gone ? stream_.lost_by_reset() : 0;
  const std::size_t sent = stage_ == Stage::written ? request_context.writer.content_sent() : 0;
  // Before anybody is told what went: the kernel would go on sending what it still holds.
  if (resets_) stream_.reset();
  request_context.writer.clear();
  if (stage_ != Stage::answered && stage_ != Stage::written) return;
  (void)finish({.content_bytes = sent - std::min(sent, lost), .cut = why});
}

/// The client has gone before its answer was there.
void ClientConnection::leave_unanswered(http::Answer answer) {
  answer.status = client_closed_request;
  answer.content.reset();
  answer_with(std::move(answer));
  cut_off(http::Cut::client_gone);
}

ClientConnection::Need ClientConnection::finish(const http::Written& written) {
  server_.handler.finished(request_context_->incoming.request, request_context_->answer, written);
  request_context_->incoming.clear();
  request_context_->answer.clear();
  stage_ = Stage::reading;
  return keep_alive_ ? Need::nothing : Need::end;
}

/// Keeps no context while nothing is to be done. But with TLS: there is no waiting without a buffer.
void ClientConnection::put_away() {
  if (stream_.encrypted()) {
    const bool good = request_context_ && server_.contexts.is_up_to_date(*request_context_);
    if (!good) request_context_ = server_.contexts.make();  // smaller than one that was used
    request_context_->reader.wipe();
    request_context_->runtime.reset();  // an idle connection keeps no settings that are not in force any more
  } else if (request_context_) {
    server_.contexts.give_back(std::move(request_context_));
  }
}

/// @return false where the client has gone
bool ClientConnection::take_in() {
  request_context_ = server_.contexts.borrow();
  const auto error = request_context_->reader.receive_now(stream_);
  return !error || error == asio::error::would_block;
}

}  // namespace roktcached::session
