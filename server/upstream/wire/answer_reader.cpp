#include "server/upstream/wire/answer_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "server/http/message_parser.h"
#include "server/room.h"
#include "server/upstream/wire/exchange_failure.h"

namespace roktcached::upstream {

namespace {

constexpr http::HeadLimits limits{.max_bytes = 64 * 1024};
constexpr int max_interim_answers = 8;
constexpr std::size_t piece_size = 64 * 1024;

Error invalid(std::string_view part, const Error& why) {
  return exchange_failure(ErrorCode::upstream_invalid_response,
                          fmt::format("the answer's {}: {}", part, why.context));
}

/// The upstream has no say in what browsers may do with an answer: they ask us.
constexpr http::FieldNames for_browsers("Access-Control-Allow-Origin", "Access-Control-Allow-Credentials",
                                        "Access-Control-Allow-Headers", "Access-Control-Allow-Methods",
                                        "Access-Control-Expose-Headers", "Access-Control-Max-Age",
                                        "Cross-Origin-Resource-Policy", "Timing-Allow-Origin",
                                        "X-Content-Type-Options");

InterimAnswer interim_answer(const http::ResponseHead& head) {
  InterimAnswer answer{head.status, {}};
  for (const auto& field : head.fields) answer.fields.add(field.name, field.value);
  return answer;
}

void take_final(FinalHead& head, const http::ResponseHead& read, const http::Framing& framing) {
  head.status = read.status;
  head.framing = framing;
  head.keep_alive = http::keeps_alive(read.fields, read.http11);
  head.fields.assign(read.fields);
  head.fields.remove(for_browsers);
}

}  // namespace

AnswerReader::AnswerReader(UpstreamStream& stream, Deadline& deadline, const config::Upstream& settings)
    : stream_(stream), deadline_(deadline), settings_(settings), scan_(http::HeadKind::response, limits) {}

std::string_view AnswerReader::received() const {
  const auto data = buffer_.data();
  return {static_cast<const char*>(data.data()), data.size()};
}

/// @param size  of a read for which there was room for piece_size
void AnswerReader::took(std::size_t size) {
  buffer_.commit(size);
  // The size of a piece that TLS hands over says nothing of what lies behind it.
  drained_ = size < piece_size && stream_.tls() == nullptr;
}

bool AnswerReader::has_more() {
  return buffer_.size() > 0 || (!drained_ && stream_.has_received());
}

asio::awaitable<Result<void>> AnswerReader::read_head(FinalHead& head, bool answers_head,
                                                      GrowingAnswer* onward) {
  for (int interim = 0;; ++interim) {
    scan_.reset();
    Result<std::size_t> size = find_head(answers_head);
    while (size && *size == 0) {
      const auto [error, read] = co_await stream_.read_some(buffer_.prepare(piece_size));
      took(read);
      if (error) co_return no_head(error, interim == 0);
      size = find_head(answers_head);
    }
    if (!size) co_return size.error();
    const auto framing = http::framing_of(head_, answers_head);
    if (!framing) co_return invalid("head", framing.error());
    const bool is_final = head_.status / 100 != 1;
    if (is_final) take_final(head, head_, *framing);
    if (!is_final && interim == max_interim_answers)
      co_return exchange_failure(ErrorCode::upstream_invalid_response, "too many interim answers");
    if (!is_final && onward != nullptr && head_.status != 100) onward->add_interim(interim_answer(head_));
    buffer_.consume(*size);  // the views into the head end here
    if (is_final) break;
  }
  ended_ = message_->done();
  head.keep_alive = head.keep_alive && !message_->ends_with_connection();
  co_return Result<void>();
}

/// Reads the head that is in the buffer.
/// @return its size; 0 while it is not whole
Result<std::size_t> AnswerReader::find_head(bool answers_head) {
  if (buffer_.size() == 0) return std::size_t{0};
  auto size = http::read_response_head(received(), scan_, answers_head, message_, head_);
  if (!size) return invalid("head", size.error());
  return size;
}

/// @param first  nothing of an answer to this request has come before
Error AnswerReader::no_head(const boost::system::error_code& error, bool first) const {
  const bool begun = buffer_.size() > 0 || !first;
  if (begun || deadline_.expired()) return answer_failure(error, deadline_, "head", "waiting for the answer");
  return exchange_failure(ErrorCode::upstream_unreachable, "the connection was closed without an answer");
}

/// Waits for more bytes, or for the end of the connection where that is the content's.
asio::awaitable<Result<void>> AnswerReader::receive_content() {
  const auto [error, read] = co_await stream_.read_some(buffer_.prepare(piece_size));
  took(read);
  if (!error || read > 0) co_return Result<void>();
  // Over TLS an end without its notice may be somebody else's doing (RFC 9112, section 9.8).
  ended_ = message_->ends_with_connection() && error == asio::error::eof;
  if (ended_) co_return Result<void>();
  co_return answer_failure(error, deadline_, "content", "reading the answer");
}

Result<void> AnswerReader::take_piece(std::string& content) {
  const auto step = message_->next(received());
  if (!step) return invalid("content", step.error());
  append_wiping(content, step->content);
  buffer_.consume(step->consumed);
  ended_ = message_->done();
  return {};
}

asio::awaitable<Result<void>> AnswerReader::read_content(std::string& content) {
  if (buffer_.size() == 0) {
    const Result<void> came = co_await receive_content();
    if (!came || ended_) co_return came;
  }
  co_return take_piece(content);
}

std::size_t AnswerReader::first_bytes(std::optional<std::uint64_t> length) const {
  if (length && *length <= settings_.max_response) return *length;
  return ended_ ? 0 : buffer_.size();
}

Result<void> AnswerReader::begin_content(std::optional<std::uint64_t> length, std::string& content) {
  too_large_ = length && *length > settings_.max_response;
  if (length && !too_large_) content.reserve(*length);
  return take_pieces(content);
}

Result<void> AnswerReader::take_pieces(std::string& content) {
  while (!ended_ && !too_large_ && buffer_.size() > 0) {
    const Result<void> taken = take_piece(content);
    if (!taken) return taken;
    too_large_ = content.size() > settings_.max_response;
  }
  return {};
}

asio::awaitable<Result<void>> AnswerReader::read_whole_content(std::string& content,
                                                               storage::BodyAccount::Growing& held) {
  while (!ended_ && !too_large_) {
    const Result<void> came = co_await receive_content();
    if (!came) co_return came;
    const std::size_t needed = content.size() + buffer_.size();
    if (needed > held.bytes()) {
      const bool room = co_await wait_for_room(held, needed - held.bytes());
      if (!room) co_return no_room();
    }
    const Result<void> taken = take_pieces(content);
    if (!taken) co_return taken;
  }
  co_return Result<void>();
}

}  // namespace roktcached::upstream
