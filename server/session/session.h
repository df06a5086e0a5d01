#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/time.h"
#include "server/access/authenticator.h"
#include "server/http/message.h"
#include "server/session/limits.h"
#include "server/session/request_context.h"

namespace roktcached {
struct ThreadRuntime;
}

namespace roktcached::session {

/// The protocol of one client's connection, without the connection: bytes in, bytes out, and what it needs to
/// go on. Reads requests one after the other (RFC 9112, section 9.3), hands each to the handler, and puts its
/// answer into output(). Decides on refusals, limits, keep-alive, and how the connection ends.
///
/// Its carrier (see ClientConnection) calls advance(), provides what that needs, reports it by one of the
/// events, and calls advance() again, until the session needs the end. There is no socket, timer or coroutine
/// inside. Belongs to the connection and its thread. After an exception only end() may be called.
class Session {
 public:
  /// The objects that sessions are served with. All of them outlive the sessions, and belong to their thread,
  /// or are safe from any.
  struct Environment {
    const Limits& limits;
    http::Handler& handler;
    ContextPool& contexts;
    const Clock& clock;
    /// The snapshot of the settings that new requests begin under; a reload replaces it. Null: there is
    /// nothing that a reload could change, and everybody may ask.
    const std::shared_ptr<const ThreadRuntime>* runtime = nullptr;
  };

  /// The need that advance() has; in brackets, the events by which the carrier provides for it.
  enum class Need {
    nothing,    ///< is never needed: it can go on by itself
    handshake,  ///< of TLS [handshake_done, input_ended]
    request,    ///< the first bytes of a request [received, input_ended]
    arrived,    ///< the same, where they are here already; a drain waits for no others
    rest,       ///< the other bytes of a request [received, input_ended]
    client,     ///< to know who asks: authentication() is to be awaited [authenticated]
    answer,     ///< of the handler: handling() is to be awaited [answered]
    piece,      ///< of content: next_piece() is to be awaited [got_piece, cut_off]
    flush,      ///< room: output() is to be sent before anything else is done [cut_off]
    write,      ///< output() is to be sent; there is nothing else to do for this client [cut_off]
    end,        ///< of the connection, see ending() [end]
  };
  /// How the connection is to end.
  enum class Ending {
    close,         ///< at once
    after_answer,  ///< the same, but for linger_at_end(): the client may still send what nobody reads
    linger,        ///< what the client still sends is read away first (RFC 9112, section 9.6)
    reset,         ///< so that the client does not take what it has got for whole
    drop,          ///< at once, with nothing more said
  };

  /// @param peer       the client's address
  /// @param encrypted  whether the connection has TLS
  Session(const Environment& environment, std::string peer, bool encrypted);

  /// Does all that needs no waiting, over as many requests as have come; hits need no waiting. A need stays
  /// until an event provides for it: to call this twice does no harm.
  [[nodiscard]] Need advance();
  /// The time by which the last need must be met: for handshake, request, arrived and rest. The time of a
  /// head, or of a content, does not begin anew with each of its bytes.
  /// @param now  when the wait begins
  [[nodiscard]] SteadyTime deadline(SteadyTime now);

  /// The TLS handshake is done.
  /// @param certificate  that the client has proved to hold, which outlives the session; null: none
  void handshake_done(X509* certificate);
  /// The memory for the next `size` bytes. Valid until the next call but received().
  [[nodiscard]] boost::asio::mutable_buffer prepare(std::size_t size);
  /// The first `size` bytes of what prepare() has given have come.
  void received(std::size_t size);
  /// No more bytes come.
  void input_ended(InputEnd why);

  /// Finds out who asks.
  [[nodiscard]] boost::asio::awaitable<access::AccessDecision> authentication();
  void authenticated(access::AccessDecision decision);
  /// Has the handler answer.
  /// @param interim  where interim answers go; outlives the handling. Add them to output()
  [[nodiscard]] boost::asio::awaitable<http::Answer> handling(http::InterimSink& interim);
  void answered(http::Answer answer);
  /// The carrier announces it when the client hangs up while the handler, or the content, is waited for.
  [[nodiscard]] Departure& departure() { return context_->departure; }
  /// Whether an answer's content comes in pieces, and the last one has not come.
  [[nodiscard]] bool sends_content() const { return stage_ == Stage::content; }
  [[nodiscard]] boost::asio::awaitable<Result<std::optional<http::ContentPiece>>> next_piece();
  /// @param piece  nothing: the content is whole. @pre output() is empty
  void got_piece(std::optional<http::ContentPiece> piece);

  /// The output, which is to be sent. The carrier tells it how much went.
  [[nodiscard]] http::AnswerWriter& output() { return context_->writer; }
  /// Whether the end of the connection follows what is to be written.
  [[nodiscard]] bool ends_with_output() const { return !keep_alive_; }
  /// The current answer, if there is one, does not go out whole.
  /// @param unacknowledged  bytes that a reset would take back. If ending() is `reset` now, reset the
  ///          connection before advance() counts what went: otherwise the kernel would go on sending
  void cut_off(http::Cut why, std::size_t unacknowledged);

  /// Answers the current request, and one that was received already; then the session needs the end.
  void drain() { draining_ = true; }
  /// The next answer is the last one, and says so. Until then the session waits as ever.
  void retire() { retiring_ = true; }
  /// Nothing more is answered.
  void abort() { draining_ = aborted_ = true; }
  [[nodiscard]] bool is_draining() const { return draining_; }

  [[nodiscard]] Ending ending() const {
    return aborted_ && ending_ != Ending::reset ? Ending::drop : ending_;
  }
  /// Bytes that were not read have come behind the last answer. To close the connection would reset it then,
  /// and the client might lose the answer.
  void linger_at_end() { ending_ = Ending::linger; }
  /// Called once, at the connection's end: leaves nothing of a request in memory.
  void end();

  [[nodiscard]] const Limits& limits() const { return environment_.limits; }

 private:
  /// How far the current request is.
  enum class Stage {
    handshake,     ///< there can be none yet
    reading,       ///< it is not whole yet
    asked,         ///< it is
    unidentified,  ///< nobody knows whose it is
    admitted,      ///< whoever asks may
    handled,       ///< the handler is at work
    answered,      ///< there is an answer
    content,       ///< some of which has been added to the output
    written,       ///< all of which has
    cut,           ///< and will not go out whole
    over,          ///< there will be no other
  };

  [[nodiscard]] Need step();
  [[nodiscard]] Need read();
  [[nodiscard]] Need need_bytes();
  [[nodiscard]] Need begin_waiting();
  [[nodiscard]] Need ask();
  [[nodiscard]] Need identify();
  void begin_under_what_is_in_force();
  [[nodiscard]] access::Authenticator* authenticator() const;
  [[nodiscard]] Need hand_over();
  [[nodiscard]] Need write();
  [[nodiscard]] Need finish_written();
  [[nodiscard]] Need finish(const http::Written& written);
  void refuse();
  Need answer_with(http::Answer answer);
  void judge_line();
  void set_browser_fields(std::string_view origin);
  [[nodiscard]] bool ends_with_connection() const;

  const Environment environment_;
  const std::string peer_;
  X509* certificate_ = nullptr;
  // The client that the shown certificate belongs to, and the number of the settings that say so; 0: not
  // known yet.
  std::optional<std::size_t> certified_;
  std::uint64_t certified_under_ = 0;
  std::unique_ptr<RequestContext> context_;  // null while there is nothing to serve
  const bool encrypted_;
  Stage stage_;
  Ending ending_ = Ending::close;
  bool keep_alive_ = true;
  bool refused_ = false;  // what lies behind the request at hand is not to be read
  bool draining_ = false;
  bool retiring_ = false;
  bool aborted_ = false;
};

}  // namespace roktcached::session
