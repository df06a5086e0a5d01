// How a session goes on and ends; what becomes of one request is in session_requests.cpp.
#include "server/session/session.h"

#include <algorithm>
#include <utility>

namespace roktcached::session {

namespace {

/// For the access log and the counters, as nginx has it; nobody gets it.
constexpr unsigned client_closed_request = 499;

}  // namespace

Session::Session(const Environment& environment, std::string peer, bool encrypted)
    : environment_(environment),
      peer_(std::move(peer)),
      encrypted_(encrypted),
      stage_(encrypted ? Stage::handshake : Stage::reading) {}

Session::Need Session::advance() {
  Need need = step();
  while (need == Need::nothing) need = step();
  return need;
}

Session::Need Session::step() {
  switch (stage_) {
    case Stage::handshake:
      return Need::handshake;
    case Stage::reading:
      return read();
    case Stage::asked:
      return ask();
    case Stage::unidentified:
      return output().is_empty() ? Need::client : Need::flush;
    case Stage::admitted:
      return hand_over();
    case Stage::handled:
      return output().is_empty() ? Need::answer : Need::flush;
    case Stage::answered:
      return write();
    case Stage::content:
      return output().is_empty() ? Need::piece : Need::flush;
    case Stage::written:
      return finish_written();
    case Stage::cut:
      return finish(context_->cut);
    case Stage::over:
      return Need::end;
  }
  return Need::end;
}

SteadyTime Session::deadline(SteadyTime now) {
  if (stage_ == Stage::reading && context_ && context_->reader.has_begun())
    return context_->reader.deadline(now);
  const bool idle = stage_ == Stage::reading && !draining_;
  return now + (idle ? environment_.limits.idle_timeout : environment_.limits.head_timeout);
}

void Session::handshake_done(X509* certificate) {
  certificate_ = certificate;
  stage_ = Stage::reading;
}

boost::asio::mutable_buffer Session::prepare(std::size_t size) {
  if (!context_) context_ = environment_.contexts.borrow();
  return context_->reader.prepare(size);
}

void Session::received(std::size_t size) {
  context_->reader.received(size, environment_.clock.steady_now());
}

void Session::input_ended(InputEnd why) {
  const bool cuts_request = stage_ == Stage::reading && context_ && context_->reader.has_begun();
  if (cuts_request && context_->reader.cut_off(context_->incoming, why)) {
    refuse();
  } else {
    stage_ = Stage::over;
  }
}

Session::Need Session::read() {
  if (!context_) return begin_waiting();
  RequestReader& reader = context_->reader;
  const Incoming::End end = reader.has_begun()
                                ? reader.take(context_->incoming, encrypted_, environment_.clock)
                                : Incoming::End::more;
  switch (end) {
    case Incoming::End::request:
      stage_ = Stage::asked;
      return Need::nothing;
    case Incoming::End::refused:
      refuse();
      return Need::nothing;
    case Incoming::End::more:
      break;
  }
  return need_bytes();
}

/// Whatever is waited for: what was answered is not held back for it.
Session::Need Session::need_bytes() {
  const RequestReader& reader = context_->reader;
  if (!output().is_empty()) return Need::flush;
  if (!reader.has_begun()) return begin_waiting();
  const Incoming& incoming = context_->incoming;
  const bool expects = reader.is_in_content() && incoming.http11 && !context_->told_to_continue &&
                       incoming.request.fields.contains("Expect");
  if (!expects) return Need::rest;
  context_->told_to_continue = true;
  output().add_interim(100, {});
  return Need::flush;
}

/// Keeps no context while nothing is to be done: an idle connection is to be small.
Session::Need Session::begin_waiting() {
  if (context_) environment_.contexts.give_back(std::move(context_));
  if (aborted_) return Need::end;
  return draining_ ? Need::arrived : Need::request;
}

/// The client may have gone before its answer was there.
void Session::answered(http::Answer answer) {
  answer_with(std::move(answer));
  if (!departure().gone()) return;
  context_->answer.status = client_closed_request;
  context_->answer.content.reset();
  cut_off(http::Cut::client_gone, 0);
}

boost::asio::awaitable<Result<std::optional<http::ContentPiece>>> Session::next_piece() {
  return context_->answer.content->next();
}

void Session::got_piece(std::optional<http::ContentPiece> piece) {
  http::Answer& answer = context_->answer;
  const bool chunked = http::is_chunked(answer, context_->incoming.http11);
  if (piece) return output().add_piece(std::move(*piece), chunked);
  output().end_content(chunked);
  answer.content.reset();
  stage_ = Stage::written;
}

Session::Need Session::finish_written() {
  if (!output().is_empty()) return Need::write;
  // Bytes that were read already show that more may be on its way, which would reset the answer.
  if (!keep_alive_)
    ending_ = refused_ || context_->reader.has_begun() ? Ending::linger : Ending::after_answer;
  (void)finish({.content_bytes = output().content_sent()});
  return keep_alive_ ? read() : Need::end;
}

/// Does not read the next request itself: there may be many.
Session::Need Session::finish(const http::Written& written) {
  environment_.handler.finished(context_->incoming.request, context_->answer, written);
  context_->incoming.clear();
  context_->answer.clear();
  stage_ = keep_alive_ ? Stage::reading : Stage::over;
  return Need::nothing;
}

/// The client sees from the framing that its answer is not whole. If the end of the connection would be the
/// end of the content, a reset takes its place. A client that is too slow is reset as well: otherwise the
/// kernel would hold what is queued for it for as long as the client likes.
void Session::cut_off(http::Cut why, std::size_t unacknowledged) {
  // Its departure is why the content breaks off.
  if (why == http::Cut::upstream && departure().gone()) why = http::Cut::client_gone;
  if (aborted_) why = http::Cut::shutdown;
  const bool too_slow =
      why == http::Cut::write_timeout || why == http::Cut::write_rate || why == http::Cut::overloaded;
  const bool resets = too_slow || ends_with_connection();
  ending_ = resets ? Ending::reset : Ending::close;  // there is nobody to linger for
  const std::size_t lost = resets || why == http::Cut::client_gone ? unacknowledged : 0;
  const bool begun = stage_ == Stage::content || stage_ == Stage::written;
  const std::size_t sent = begun ? output().content_sent() : 0;
  output().clear();
  context_->cut = {.content_bytes = sent - std::min(sent, lost), .cut = why};
  keep_alive_ = false;
  stage_ = begun || stage_ == Stage::answered ? Stage::cut : Stage::over;
}

/// An HTTP/1.0 client learns the end of a content of unknown length by the end of the connection.
bool Session::ends_with_connection() const {
  return context_->answer.content && !context_->answer.content_length && !context_->incoming.http11;
}

void Session::end() {
  if (!context_) return;
  context_->departure.reset();
  context_->incoming.clear();  // of secrets, too
  context_->answer.clear();
  const bool is_new = (stage_ == Stage::reading || stage_ == Stage::over) && ending_ != Ending::linger &&
                      !context_->reader.has_begun() && output().is_empty();
  // Another connection is to find nothing of this one, whatever has gone wrong.
  if (is_new) environment_.contexts.give_back(std::move(context_));
}

}  // namespace roktcached::session
