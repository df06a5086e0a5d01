// The waits of a connection on behalf of its session, each a coroutine.
#include <array>
#include <stdexcept>
#include <utility>

#include "server/session/client_connection.h"

namespace roktcached::session {

namespace {

constexpr std::chrono::seconds time_to_part{2};

/// As much as is read at once where it is waited for.
constexpr std::size_t piece = 4096;

}  // namespace

/// Goes on until there is nothing to wait for but another request.
asio::awaitable<void> ClientConnection::serve(Need need) {
  while (need != Need::end) {
    if (need == Need::request) {
      wait();
      co_return;
    }
    co_await provide(need);
    const std::optional<Need> next = advance();
    if (!next) co_return;
    need = *next;
  }
  co_await part();
  end();
}

asio::awaitable<void> ClientConnection::provide(Need need) {
  switch (need) {
    case Need::handshake:
      return shake_hands();
    case Need::rest:
      stream_.acknowledge();
      return receive();
    case Need::client:
      return authenticate();
    case Need::answer:
      return handle();
    case Need::piece:
      return send_content();
    case Need::flush:
    case Need::write:
      return send_or_cut_off();
    case Need::nothing:  // is none
    case Need::request:  // is waited for by the poller
    case Need::arrived:  // is not waited for
    case Need::end:
      break;
  }
  throw std::logic_error("a connection waits for nothing");
}

asio::awaitable<void> ClientConnection::shake_hands() {
  deadline_.expires_at(session_.deadline(Deadline::now()));
  const auto error = co_await stream_.shake_hands();
  deadline_.clear();
  error ? session_.input_ended(InputEnd::failure) : session_.handshake_done(stream_.certificate());
}

asio::awaitable<void> ClientConnection::receive() {
  deadline_.expires_at(session_.deadline(Deadline::now()));
  const auto [error, size] = co_await stream_.read_some(session_.prepare(piece));
  const bool timed_out = deadline_.expired();
  deadline_.clear();
  if (!error) {
    session_.received(size);
  } else if (timed_out) {
    session_.input_ended(InputEnd::timeout);
  } else {
    session_.input_ended(error == asio::error::eof ? InputEnd::end_of_stream : InputEnd::failure);
  }
}

asio::awaitable<void> ClientConnection::authenticate() {
  access::AccessDecision decision = co_await session_.authentication();
  session_.authenticated(std::move(decision));
}

asio::awaitable<void> ClientConnection::handle() {
  std::optional<net::HangupWatch::Watched> watched(std::in_place, hangups_, stream_.descriptor(),
                                                   session_.departure());
  http::Answer answer = co_await session_.handling(*this);
  watched.reset();
  session_.answered(std::move(answer));
}

asio::awaitable<void> ClientConnection::send_content() {
  std::optional<net::HangupWatch::Watched> watched(std::in_place, hangups_, stream_.descriptor(),
                                                   session_.departure());
  http::Cut cut = http::Cut::none;
  while (cut == http::Cut::none && session_.sends_content()) {
    Result<std::optional<http::ContentPiece>> next = co_await session_.next_piece();
    if (next) {
      session_.got_piece(std::move(*next));
      cut = co_await send();
    } else {
      cut = http::Cut::upstream;
    }
  }
  watched.reset();
  if (cut != http::Cut::none) cut_off(cut);
}

asio::awaitable<void> ClientConnection::send_or_cut_off() {
  const http::Cut cut = co_await send();
  if (cut != http::Cut::none) cut_off(cut);
}

/// Sends all of the session's output.
asio::awaitable<http::Cut> ClientConnection::send() {
  if (send_now(After::more)) co_return http::Cut::none;
  if (!sender_) sender_ = std::make_unique<AnswerSender>(stream_, deadline_, senders_);
  const Limits& limits = session_.limits();
  const net::WritePace::Terms pace{.timeout = limits.write_timeout, .min_rate = limits.min_write_rate};
  const http::Cut cut = co_await sender_->send(session_.output(), pace);
  co_return cut;
}

/// Whether it arrives is of no consequence. Unsent bytes stay in the output and go out before the answer.
asio::awaitable<void> ClientConnection::send_interim(unsigned status, const http::Fields& fields) {
  session_.output().add_interim(status, fields);
  (void)co_await send();
}

/// Sends what is still to be sent, and ends the connection.
asio::awaitable<void> ClientConnection::part() {
  using Ending = Session::Ending;
  const Ending ending = session_.ending();
  const bool says_end = ending == Ending::linger || stream_.encrypted();
  if (!says_end || ending == Ending::reset || ending == Ending::drop) co_return;
  deadline_.expires_after(time_to_part);
  co_await stream_.end_sending();
  deadline_.clear();
  if (session_.ending() == Ending::linger) co_await linger();
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
