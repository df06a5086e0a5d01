#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

#include "server/asio.h"
#include "server/http/message.h"
#include "server/net/client_stream.h"
#include "server/net/deadline.h"
#include "server/net/hangup_watch.h"
#include "server/net/idle_poller.h"
#include "server/session/limits.h"
#include "server/session/request_context.h"

namespace roktcached {
struct ThreadRuntime;
}

namespace roktcached::access {
class Authenticator;
}

namespace roktcached::session {

class ClientConnection;

/// Who keeps a register of connections.
class Registrar {
 public:
  virtual ~Registrar() = default;
  /// Called once for each, on its thread, at its end.
  virtual void ended(ClientConnection& connection) = 0;
};

/// What a connection serves, and on what terms. What it refers to belongs to the connection's thread, or is
/// safe from any.
struct ServerContext {
  const Limits& limits;
  http::Handler& handler;
  ContextPool& contexts;
  net::IdlePoller& poller;
  net::HangupWatch& hangups;
  /// What requests begin under, which the thread changes now and then; null: nothing that a reload could
  /// change, and everybody may ask.
  const std::shared_ptr<const ThreadRuntime>* runtime = nullptr;
};

/// One client's connection: reads requests one after the other (RFC 9112, section 9.3), hands each to the
/// handler and writes its answer. Lives and dies on the one thread of its executor; owned by the listener's
/// register and by what it waits for. A connection that fails takes nothing with it.
///
/// advance() does all that needs no waiting, over as many requests as there are, and hits need no waiting
/// from their first byte to their last. For what it needs else there is a coroutine, for as long as that
/// takes; between two requests there is none.
class ClientConnection final : public std::enable_shared_from_this<ClientConnection>,
                               private net::IdlePoller::IdleConnection,
                               private http::InterimSink {
 public:
  /// What a listener has accepted.
  struct Accepted {
    asio::any_io_executor executor;
    Descriptor descriptor;  ///< does not block
    net::ClientStream::Protocol::endpoint peer;
    std::shared_ptr<asio::ssl::context> tls;  ///< null: none
  };
  /// @param site, registrar  outlive the connection, with what they refer to
  ClientConnection(Accepted accepted, const ServerContext& server, Registrar& registrar);
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;
  ~ClientConnection() override;

  /// Serves what has come already, and goes on by itself until the client, an error, a timeout or drain()
  /// ends it.
  void start();

  /// Lets the request at hand, and one already received, be answered in full; then ends the connection.
  void drain();
  /// Ends the connection now, whatever it does.
  void abort();

 private:
  /// How far the request at hand is.
  enum class Stage {
    reading,   ///< it is not whole yet
    asked,     ///< it is
    admitted,  ///< whoever asks may
    answered,  ///< there is an answer
    written,   ///< which is to be sent, or is already
  };
  /// What advance() cannot do without waiting.
  enum class Need {
    nothing,
    request,    ///< the first bytes of one
    rest,       ///< the other bytes of one
    handshake,  ///< shaken
    client,     ///< to know who asks
    answer,     ///< of the handler
    content,    ///< that comes in pieces
    room,       ///< for what is to be sent
    turn,       ///< to send it, after others have been served
    end,        ///< of the connection
  };

  void go_on(Need need);
  void wait();
  void woken() override;
  void resumed() override;
  void timed_out();
  void interrupt();
  void interrupted();
  void stop_waiting();
  void serve_what_is_here();
  void end();
  template <class Action>
  void guarded(Action action);
  asio::awaitable<void> serve(Need need);

  [[nodiscard]] Need advance();
  [[nodiscard]] Need step();
  [[nodiscard]] Need read();
  [[nodiscard]] Need came(Incoming::End end);
  [[nodiscard]] Need ask();
  void begin_under_what_is_in_force();
  [[nodiscard]] access::Authenticator* door() const;
  [[nodiscard]] Need hand_over();
  void judge_line();
  [[nodiscard]] Need write();
  [[nodiscard]] Need send();
  void look_behind();
  [[nodiscard]] Need finish(const http::Written& written);
  void cut_off(http::Cut why);
  void leave_unanswered(http::Answer answer);
  Need answer_with(http::Answer answer);
  void set_browser_fields(std::string_view origin);
  void put_away();
  [[nodiscard]] bool take_in();

  /// Each waits for what is needed.
  /// @return false where the connection is to end
  asio::awaitable<bool> get(Need need);
  asio::awaitable<bool> wait_for_handshake();
  asio::awaitable<bool> wait_for_request();
  asio::awaitable<bool> wait_for_rest();
  asio::awaitable<bool> wait_for_client();
  asio::awaitable<bool> wait_for_answer();
  asio::awaitable<bool> wait_for_content();
  asio::awaitable<bool> wait_for_room();
  [[nodiscard]] net::WritePace::Terms pace() const;
  asio::awaitable<void> send_interim(unsigned status, const http::Fields& fields) override;
  asio::awaitable<void> part();
  asio::awaitable<void> linger();

  net::ClientStream stream_;
  const ServerContext server_;
  Registrar& registrar_;
  Deadline deadline_;
  const std::string peer_;  // its address
  // The client whose certificate it has shown, and the number of the settings that say so; 0: not known yet.
  std::optional<std::size_t> certified_;
  std::uint64_t certified_under_ = 0;
  std::unique_ptr<RequestContext> request_context_;  // null while there is nothing to serve
  Stage stage_ = Stage::reading;
  std::size_t body_bytes_ = 0;  // of the answer that is written
  bool keep_alive_ = true;
  bool refused_ = false;  // what lies behind the request at hand is not to be read
  bool draining_ = false;
  bool aborted_ = false;
  bool resets_ = false;   // at its end: the answer at hand must not be taken for whole
  bool waiting_ = false;  // between two requests
};

}  // namespace roktcached::session
