#include "server/upstream/wire/large_content.h"

#include <utility>

#include "server/asio.h"
#include "server/background.h"
#include "server/upstream/wire/content_coding.h"
#include "server/upstream/wire/gzip_decoder.h"
#include "server/upstream/wire/upstream_connection.h"
#include "server/worker_pool.h"

namespace roktcached::upstream {

namespace {

/// A few bytes of gzip may become many.
constexpr std::size_t max_inflated = std::size_t{256} << 10;

Result<void> append_inflated(GzipDecoder& decoder, std::string& content) {
  while (content.size() < max_inflated) {
    const Result<std::string_view> piece = decoder.next();
    if (!piece) return piece.error();
    if (piece->empty()) break;
    content += *piece;
  }
  return {};
}

}  // namespace

LargeContent::LargeContent(std::string beginning, std::shared_ptr<UpstreamConnection> connection,
                           storage::BodyAccount::Growing held)
    : held_(std::move(held)),
      received_(std::move(beginning)),
      length_(connection ? connection->answer_length() : std::nullopt),
      may_be_cut_(connection && connection->answer_ends_with_connection()),
      connection_(std::move(connection)) {}

LargeContent::~LargeContent() = default;

void LargeContent::inflate(asio::any_io_executor helpers) {
  decoder_ = std::make_unique<GzipDecoder>();
  helpers_ = std::move(helpers);
  length_.reset();
  may_be_cut_ = false;  // gzip has an end of its own
}

asio::awaitable<Result<void>> LargeContent::begin() {
  Result<std::string> first = co_await read();
  if (!first) co_return first.error();
  beginning_ = std::move(*first);
  co_return Result<void>();
}

void LargeContent::close() {
  if (connection_) connection_->close();
}

asio::awaitable<Result<std::string>> LargeContent::next() {
  if (!beginning_.empty()) co_return std::exchange(beginning_, {});
  co_return co_await read();
}

asio::awaitable<Result<std::string>> LargeContent::read() {
  if (decoder_) return receive_inflated();
  return receive();
}

asio::awaitable<Result<std::string>> LargeContent::receive() {
  std::string piece = std::exchange(received_, {});
  while (piece.empty() && connection_ && !connection_->answer_has_ended()) {
    const Result<void> came = co_await connection_->read_rest(piece);
    if (!came) co_return came.error();
  }
  if (connection_ && connection_->answer_has_ended()) connection_.reset();
  co_return piece;
}

asio::awaitable<Result<std::string>> LargeContent::receive_inflated() {
  std::string content;
  Result<void> inflated;
  while (true) {
    const auto work = [&] { inflated = append_inflated(*decoder_, content); };
    co_await run_on(*helpers_, work);
    if (!inflated) co_return inflated.error();
    if (!content.empty()) co_return content;
    Result<std::string> more = co_await receive();
    if (!more) co_return more.error();
    if (more->empty()) break;
    coded_ = std::move(*more);
    decoder_->feed(coded_);
  }
  if (!decoder_->is_complete()) co_return cut_short();
  co_return content;
}

}  // namespace roktcached::upstream
