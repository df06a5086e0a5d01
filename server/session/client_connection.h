#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <optional>

#include "server/asio.h"
#include "server/net/client_stream.h"
#include "server/net/deadline.h"
#include "server/net/hangup_watch.h"
#include "server/net/idle_poller.h"
#include "server/net/waiting_senders.h"
#include "server/session/answer_sender.h"
#include "server/session/session.h"

namespace roktcached::session {

class ClientConnection;

/// Keeps a register of connections.
class Registrar {
 public:
  virtual ~Registrar() = default;
  /// Called once for each, on its thread, at its end.
  virtual void ended(ClientConnection& connection) = 0;
};

/// The objects that a connection is served with. All of them belong to the connection's thread, or are safe
/// from any.
struct ServerContext {
  const Limits& limits;
  http::Handler& handler;
  ContextPool& contexts;
  net::IdlePoller& poller;
  net::HangupWatch& hangups;
  /// See Session::Environment.
  const std::shared_ptr<const ThreadRuntime>* runtime = nullptr;
  /// See AnswerSender.
  net::WaitingSenders* senders = nullptr;
};

/// Carries one client's session over its connection: TCP or a Unix socket, with TLS or without. Lives and
/// dies on the one thread of its executor. Owned by the listener's register and by its own coroutines. A
/// connection that fails harms no other.
///
/// A hit waits for nothing from its first byte to its last. When the session needs to wait, a coroutine
/// serves that wait, and ends with it. Between two requests there is none: the idle poller waits.
class ClientConnection final : public std::enable_shared_from_this<ClientConnection>,
                               private net::IdlePoller::IdleConnection,
                               private http::InterimSink {
 public:
  /// An accepted connection.
  struct Accepted {
    asio::any_io_executor executor;
    Descriptor descriptor;  ///< does not block
    net::ClientStream::Protocol::endpoint peer;
    std::shared_ptr<asio::ssl::context> tls;  ///< null: none
  };
  /// @param server, registrar  outlive the connection, with what they refer to
  ClientConnection(Accepted accepted, const ServerContext& server, Registrar& registrar);
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;
  ~ClientConnection() override;

  /// Serves what has come already, and goes on by itself until the client, an error, a timeout or drain()
  /// ends it.
  void start();

  /// Lets the current request, and one that was received already, be answered in full; then ends the
  /// connection.
  void drain();
  /// Ends the connection after its next answer, which says so; an idle one waits for its next request. So no
  /// client sends a request on a connection that is closed at the same moment.
  void retire() { session_.retire(); }
  /// Ends the connection now, whatever it does.
  void abort();

 private:
  using Need = Session::Need;
  using After = net::ClientStream::After;

  [[nodiscard]] std::optional<Need> advance();
  void go_on(std::optional<Need> need);
  void wait();
  void wait_on();
  void stop_waiting();
  void woken() override;
  void resumed() override;
  void timed_out();
  void interrupt();
  void interrupted();
  [[nodiscard]] bool receive_now();
  [[nodiscard]] bool send_now(After after);
  void cut_off(http::Cut why);
  void end();
  template <class Action>
  void guarded(Action action);

  asio::awaitable<void> serve(Need need);
  /// Each waits for what the session needs, and tells it.
  asio::awaitable<void> provide(Need need);
  asio::awaitable<void> shake_hands();
  asio::awaitable<void> receive();
  asio::awaitable<void> authenticate();
  asio::awaitable<void> handle();
  asio::awaitable<void> send_content();
  asio::awaitable<void> send_or_cut_off();
  [[nodiscard]] asio::awaitable<http::Cut> send();
  asio::awaitable<void> send_interim(unsigned status, const http::Fields& fields) override;
  asio::awaitable<void> part();
  asio::awaitable<void> linger();

  net::ClientStream stream_;
  Deadline deadline_;
  net::IdlePoller& poller_;
  net::HangupWatch& hangups_;
  net::WaitingSenders* const senders_;
  Registrar& registrar_;
  Session session_;
  std::unique_ptr<AnswerSender> sender_;  // null until an answer does not go at once
  bool waiting_ = false;                  // between two requests
};

}  // namespace roktcached::session
