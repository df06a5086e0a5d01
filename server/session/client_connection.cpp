// The part that needs no waiting; the waits are in client_connection_waits.cpp.
#include "server/session/client_connection.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "server/background.h"
#include "server/system_clock.h"

namespace roktcached::session {

namespace {

constexpr std::string_view serving = "serving a connection";

/// As much as is read at once of requests that may be many.
constexpr std::size_t large_piece = 16 * 1024;

const SystemClock system_clock;

}  // namespace

ClientConnection::ClientConnection(Accepted accepted, const ServerContext& server, Registrar& registrar)
    : stream_(std::move(accepted.executor), std::move(accepted.descriptor), accepted.peer.protocol(),
              std::move(accepted.tls)),
      // cancel, not close: the coroutine that waits decides what is still to be sent.
      deadline_(stream_.executor(), [this] { timed_out(); }),
      poller_(server.poller),
      hangups_(server.hangups),
      senders_(server.senders),
      registrar_(registrar),
      session_({.limits = server.limits,
                .handler = server.handler,
                .contexts = server.contexts,
                .clock = system_clock,
                .runtime = server.runtime},
               net::address_of(accepted.peer), stream_.encrypted()) {}

ClientConnection::~ClientConnection() {
  if (waiting_) poller_.forget(*this);
}

void ClientConnection::start() {
  guarded([this] {
    if (!stream_.encrypted()) (void)receive_now();
    go_on(advance());
  });
}

void ClientConnection::drain() {
  session_.drain();
  if (waiting_) interrupt();
}

void ClientConnection::abort() {
  session_.abort();
  interrupt();
}

/// Does what the session needs and what needs no waiting.
/// @return what has to be waited for; nothing: its turn, and it will be resumed
std::optional<ClientConnection::Need> ClientConnection::advance() {
  while (true) {
    const Need need = session_.advance();
    switch (need) {
      case Need::write:
        if (poller_.put_off(*this)) return std::nullopt;
        if (!send_now(session_.ends_with_output() ? After::end : After::more)) return need;
        break;
      case Need::flush:
        if (!send_now(After::more)) return need;
        break;
      case Need::arrived:
        sender_.reset();
        if (receive_now()) break;
        if (stream_.has_received()) return Need::rest;  // part of a TLS record
        session_.input_ended(InputEnd::end_of_stream);
        break;
      case Need::end:
        if (session_.ending() == Session::Ending::after_answer && stream_.has_received())
          session_.linger_at_end();
        return need;
      default:
        return need;
    }
  }
}

void ClientConnection::go_on(std::optional<Need> need) {
  if (!need) return;
  if (*need == Need::request) return wait();
  const bool says_end = stream_.encrypted() || session_.ending() == Session::Ending::linger;
  if (*need == Need::end && !says_end) return end();
  const auto serve_it = [this, what = *need] { return serve(what); };
  spawn_watched(stream_.executor(), serve_it, serving, [self = shared_from_this()](bool failed) {
    if (failed) self->end();
  });
}

/// Between two requests nothing waits but the poller: an idle connection is to be small.
void ClientConnection::wait() {
  sender_.reset();
  waiting_ = true;
  deadline_.expires_at(session_.deadline(Deadline::now()));
  wait_on();
}

void ClientConnection::wait_on() {
  if (!stream_.holds_more()) return poller_.watch(stream_.descriptor(), *this, stream_.drained());
  // It is here already, and no poller tells of it. Others have their turn first.
  asio::post(stream_.executor(), [self = shared_from_this()] {
    if (self->waiting_) self->woken();
  });
}

void ClientConnection::stop_waiting() {
  deadline_.clear();
  waiting_ = false;
}

void ClientConnection::woken() {
  const auto self = shared_from_this();
  guarded([this] {
    if (!receive_now()) {
      // Part of a TLS record is nothing yet: it puts off no deadline, and the session keeps no context for
      // it.
      (void)session_.advance();
      return wait_on();
    }
    stop_waiting();
    go_on(advance());
  });
}

void ClientConnection::resumed() {
  const auto self = shared_from_this();
  guarded([this] { go_on(advance()); });
}

/// A client may take its time for an answer, as long as it takes it.
void ClientConnection::timed_out() {
  if (sender_ && sender_->may_go_on()) return;
  interrupt();
}

/// Ends the current wait, but not before the caller is done.
void ClientConnection::interrupt() {
  stream_.cancel();
  if (!waiting_) return;
  asio::post(stream_.executor(), [self = shared_from_this()] {
    // It may have been woken meanwhile, and wait for another request.
    const bool still = self->waiting_ && (self->session_.is_draining() || self->deadline_.expired());
    if (still) self->guarded([&] { self->interrupted(); });
  });
}

/// A request that is already here when the connection is drained was sent in good faith: the session still
/// asks for it.
void ClientConnection::interrupted() {
  poller_.forget(*this);
  stop_waiting();
  if (!session_.is_draining()) session_.input_ended(InputEnd::timeout);
  go_on(advance());
}

/// @return false if nothing has come
bool ClientConnection::receive_now() {
  const auto [error, size] = stream_.read_now(session_.prepare(large_piece));
  if (error == asio::error::would_block) return false;
  if (!error) {
    session_.received(size);
  } else {
    session_.input_ended(error == asio::error::eof ? InputEnd::end_of_stream : InputEnd::failure);
  }
  return true;
}

/// @return whether all of it has gone
bool ClientConnection::send_now(After after) {
  http::AnswerWriter& output = session_.output();
  if (output.is_empty()) return true;
  const auto parts = output.unsent();
  return output.sent(stream_.write_now(parts[0], parts[1], after, output.unsent_place()));
}

void ClientConnection::cut_off(http::Cut why) {
  session_.cut_off(why, stream_.lost_by_reset());
  if (session_.ending() == Session::Ending::reset) stream_.reset();
}

void ClientConnection::end() {
  waiting_ = false;
  session_.end();
  poller_.forget(*this);
  deadline_.clear();
  session_.ending() == Session::Ending::reset ? stream_.reset() : stream_.close();
  registrar_.ended(*this);
}

/// An exception that escapes is a bug: it ends this connection, and no other.
template <class Action>
void ClientConnection::guarded(Action action) {
  try {
    action();
  } catch (...) {
    log_failure(serving, std::current_exception());
    end();
  }
}

}  // namespace roktcached::session
