#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

#include "server/asio.h"
#include "server/deadline.h"
#include "server/inbound/answer_writer.h"
#include "server/inbound/client_stream.h"
#include "server/inbound/limits.h"
#include "server/inbound/message.h"
#include "server/inbound/request_reader.h"

namespace roktcached::inbound {

class Doorkeeper;

/// What a connection serves, and on what terms. What it refers to belongs to the connection's thread, or is
/// safe from any.
struct Site {
  const Limits& limits;
  Handler& handler;
  Doorkeeper* door = nullptr;  ///< who may ask; null: everybody
};

/// One client's connection: reads requests one after the other (RFC 9112, section 9.3), hands each to the
/// handler and writes its answer. Lives and dies on the one thread of its socket's executor; owned by its own
/// coroutine and by the listener's registry. A connection that fails takes nothing with it.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  /// @param tls   null: none
  /// @param site  what it refers to outlives the connection
  Connection(ClientStream::Socket socket, std::shared_ptr<asio::ssl::context> tls, const Site& site);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Serves until the client, an error, a timeout or drain() ends it.
  [[nodiscard]] asio::awaitable<void> run();

  /// Lets the request at hand, and one already received, be answered in full; then ends the connection.
  void drain();
  /// Ends the connection now, whatever it does.
  void abort();

 private:
  asio::awaitable<bool> shake_hands();
  asio::awaitable<Incoming::End> receive(Incoming& incoming);
  /// @return false where there is none to come
  asio::awaitable<bool> wait_for_request();
  /// @return false where the connection is to end without another request
  asio::awaitable<bool> serve(Incoming& incoming, Incoming::End end);
  void flush_soon();
  asio::awaitable<Answer> answer_to(Incoming& incoming);
  asio::awaitable<void> refuse(Incoming& incoming);
  asio::awaitable<void> linger();

  ClientStream stream_;
  const Site site_;
  Deadline deadline_;
  RequestReader reader_;
  AnswerWriter writer_;
  std::string peer_;                      // its address
  std::optional<std::size_t> certified_;  // the client whose certificate it has shown
  std::string browser_fields_;            // of the answer being written
  bool draining_ = false;
  bool aborted_ = false;
  bool waiting_ = false;  // between two requests
  bool flush_posted_ = false;
};

}  // namespace roktcached::inbound
