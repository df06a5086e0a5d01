#pragma once

#include <optional>

#include "server/asio.h"
#include "server/http/answer_writer.h"
#include "server/net/client_stream.h"
#include "server/net/deadline.h"
#include "server/net/waiting_senders.h"
#include "server/net/write_pace.h"

namespace roktcached::session {

/// Sends to one client what does not go at once, and cuts off a client that takes it too slowly. Belongs to
/// the connection and its thread; made when the first answer has to wait for its client.
class AnswerSender {
 public:
  /// @param stream, deadline  of the connection; outlive the sender
  /// @param senders  knows it while it waits for its client, so that it can give way; outlives it. Null: it
  ///                 need not
  AnswerSender(net::ClientStream& stream, Deadline& deadline, net::WaitingSenders* senders)
      : stream_(stream), deadline_(deadline), senders_(senders) {}
  AnswerSender(const AnswerSender&) = delete;
  AnswerSender& operator=(const AnswerSender&) = delete;

  /// Sends all of `output`. If the deadline passes meanwhile, call may_go_on(). The deadline is cleared at
  /// the end.
  /// @return why it was cut; what was not sent is still in `output` then
  [[nodiscard]] asio::awaitable<http::Cut> send(http::AnswerWriter& output,
                                                const net::WritePace::Terms& terms);
  /// To be asked when the deadline has passed: whether the client still takes what is sent to it, fast
  /// enough. Then there is another deadline. False, too, if nothing is being sent.
  [[nodiscard]] bool may_go_on();

 private:
  void note_slow(SteadyTime now);
  void give_way();

  net::ClientStream& stream_;
  Deadline& deadline_;
  net::WaitingSenders* const senders_;
  http::AnswerWriter* output_ = nullptr;  // while the client is waited for
  net::WritePace pace_;
  std::optional<net::WaitingSenders::Entry> slow_;  // once it has been waited for for a while
  http::Cut verdict_ = http::Cut::none;             // of pace_, or of a shortage, on what is waited for
};

}  // namespace roktcached::session
