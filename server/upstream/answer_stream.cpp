#include "server/upstream/answer_stream.h"

#include <boost/asio/experimental/concurrent_channel.hpp>

#include "server/asio.h"
#include "server/background.h"

namespace roktcached::upstream {

namespace {

constexpr std::size_t max_pieces = 4;

}  // namespace

struct AnswerStream::Channel {
  explicit Channel(const asio::any_io_executor& executor) : pieces(executor, max_pieces) {}
  // A channel's values are copied inside Asio; what is moved around is a pointer.
  asio::experimental::concurrent_channel<void(boost::system::error_code, std::shared_ptr<Piece>)> pieces;
};

AnswerStream::AnswerStream(const asio::any_io_executor& executor, Keep keep)
    : channel_(std::make_shared<Channel>(executor)), keep_(keep) {}

AnswerStream::~AnswerStream() = default;

asio::awaitable<bool> AnswerStream::write(Piece piece) {
  if (std::holds_alternative<AnswerHead>(piece)) {
    begun_ = true;
    for (const auto& action : std::exchange(when_begun_, {})) action();
  }
  auto shared = std::make_shared<Piece>(std::move(piece));
  const auto [error] =
      co_await channel_->pieces.async_send(boost::system::error_code(), std::move(shared), as_result);
  co_return !error;
}

asio::awaitable<void> AnswerStream::end(std::optional<Error> error) {
  AnswerEnd last{std::move(error)};
  Piece piece = std::move(last);
  co_await write(std::move(piece));
}

asio::awaitable<AnswerStream::Piece> AnswerStream::read() {
  auto [error, piece] = co_await channel_->pieces.async_receive(as_result);
  if (!error && piece) co_return std::move(*piece);
  AnswerEnd broken_off;
  broken_off.error =
      Error{ErrorCode::upstream_unreachable, ErrorSource::upstream, false, "the answer broke off"};
  co_return std::move(broken_off);
}

void AnswerStream::abandon() {
  // Closing wakes no writer that waits for room; cancelling does, but only before. Both on the writer's
  // thread, so that no write begins in between.
  const auto executor = channel_->pieces.get_executor();
  post_surely(executor, [channel = channel_] {
    channel->pieces.cancel();
    channel->pieces.close();
  });
}

}  // namespace roktcached::upstream
