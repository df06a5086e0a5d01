// What a connection waits for, each a coroutine; all that needs no waiting is in connection.cpp.
#include <array>
#include <optional>
#include <stdexcept>
#include <utility>

#include "server/access/authenticator.h"
#include "server/access/presented.h"
#include "server/session/client_connection.h"

namespace roktcached::session {

namespace {

constexpr std::chrono::seconds time_to_part{2};

}  // namespace

asio::awaitable<bool> ClientConnection::get(Need need) {
  switch (need) {
    case Need::handshake:
      return wait_for_handshake();
    case Need::rest:
      return wait_for_rest();
    case Need::client:
      return wait_for_client();
    case Need::answer:
      return wait_for_answer();
    case Need::content:
      return wait_for_content();
    case Need::room:
      return wait_for_room();
    case Need::request:
      return wait_for_request();
    case Need::nothing:  // is none
    case Need::turn:     // comes by itself
    case Need::end:      // is not waited for
      break;
  }
  throw std::logic_error("a connection waits for nothing");
}

asio::awaitable<bool> ClientConnection::wait_for_handshake() {
  deadline_.expires_after(server_.limits.head_timeout);
  const auto error = co_await stream_.shake_hands();
  deadline_.clear();
  co_return !error;
}

/// With TLS; and in a drain, where what is here already is all that comes.
asio::awaitable<bool> ClientConnection::wait_for_request() {
  put_away();
  if (!stream_.encrypted()) {
    const bool comes = !aborted_ && stream_.has_received();
    co_return comes ? take_in() : false;
  }
  boost::system::error_code error = asio::error::operation_aborted;
  if (!draining_) {
    waiting_ = true;
    deadline_.expires_after(server_.limits.idle_timeout);
    error = co_await request_context_->reader.receive(stream_);
    deadline_.clear();
    waiting_ = false;
  }
  if (!error) co_return true;
  if (!draining_ || aborted_ || !stream_.has_received()) co_return false;
  deadline_.expires_after(server_.limits.head_timeout);
  error = co_await request_context_->reader.receive(stream_);
  deadline_.clear();
  co_return !error;
}

asio::awaitable<bool> ClientConnection::wait_for_rest() {
  const auto end = co_await request_context_->reader.read(stream_, deadline_, request_context_->incoming);
  deadline_.clear();
  co_return came(end) != Need::end;
}

asio::awaitable<bool> ClientConnection::wait_for_client() {
  const bool sent = co_await wait_for_room();
  if (!sent) co_return false;
  access::AccessDecision admission = co_await door()->verify(request_context_->incoming.request, certified_);
  if (admission.kind == access::AccessDecision::Kind::answered) answer_with(std::move(admission.answer));
  co_return true;
}

asio::awaitable<bool> ClientConnection::wait_for_answer() {
  if (!request_context_->writer.is_empty()) {
    const bool sent = co_await wait_for_room();
    if (!sent) co_return false;
  }
  http::Request& request = request_context_->incoming.request;
  Departure& departure = request_context_->departure;
  access::remove_telling_fields(request.fields);
  departure.reset();
  request.departure = &departure;
  std::optional<net::HangupWatch::Watched> watched(std::in_place, server_.hangups, stream_.descriptor(),
                                                   departure);
  http::Answer answer = co_await server_.handler.handle(request);
  watched.reset();
  if (departure.gone()) {
    leave_unanswered(std::move(answer));
    co_return false;
  }
  answer_with(std::move(answer));
  co_return true;
}

asio::awaitable<bool> ClientConnection::wait_for_content() {
  RequestContext& request_context = *request_context_;
  std::optional<net::HangupWatch::Watched> watched(std::in_place, server_.hangups, stream_.descriptor(),
                                                   request_context.departure);
  http::Cut cut = co_await request_context.writer.send(
      stream_, deadline_, pace(), *request_context.answer.content,
      http::is_chunked(request_context.answer, request_context.incoming.http11));
  watched.reset();
  // Its departure is why the content breaks off.
  if (cut == http::Cut::upstream && request_context.departure.gone()) cut = http::Cut::client_gone;
  if (cut != http::Cut::none) {
    cut_off(cut);
    co_return false;
  }
  request_context.answer.content.reset();
  if (!keep_alive_) look_behind();
  const Need need = finish({.content_bytes = request_context.writer.content_sent()});
  co_return need != Need::end;
}

asio::awaitable<bool> ClientConnection::wait_for_room() {
  const http::Cut cut = co_await request_context_->writer.send(stream_, deadline_, pace());
  if (cut != http::Cut::none) cut_off(cut);
  co_return cut == http::Cut::none;
}

net::WritePace::Terms ClientConnection::pace() const {
  return {.timeout = server_.limits.write_timeout, .min_rate = server_.limits.min_write_rate};
}

/// Whether it arrives is of no consequence. Unsent bytes stay in the writer and go out before the answer.
asio::awaitable<void> ClientConnection::send_interim(unsigned status, const http::Fields& fields) {
  request_context_->writer.add_interim(status, fields);
  (void)co_await request_context_->writer.send(stream_, deadline_, pace());
}

/// Says what is still to be said.
asio::awaitable<void> ClientConnection::part() {
  const bool says_end = !resets_ && (refused_ || stream_.encrypted());
  if (!says_end || aborted_) co_return;
  deadline_.expires_after(time_to_part);
  co_await stream_.end_sending();
  deadline_.clear();
  if (refused_ && !aborted_) co_await linger();
}

/// Reads away what the client is still sending, for a moment: closing with unread bytes resets the
/// connection, and the client would lose the answer (RFC 9112, section 9.6).
asio::awaitable<void> ClientConnection::linger() {
  deadline_.expires_after(time_to_part);
  std::array<char, 4096> sink;
  for (std::size_t total = 0; total < 1024 * 1024;) {
    const auto [error, read] = co_await stream_.read_undeciphered(asio::buffer(sink));
    if (error) break;
    total += read;
  }
  deadline_.clear();
}

}  // namespace roktcached::session
