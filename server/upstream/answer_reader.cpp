#include "server/upstream/answer_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "server/upstream/exchange_failure.h"

namespace roktcached::upstream {

namespace {

constexpr std::uint32_t max_head = 64 * 1024;
constexpr int max_interim_answers = 8;
constexpr std::size_t piece_size = 64 * 1024;

Error invalid(std::string_view part, const Error& why) {
  return exchange_failure(ErrorCode::upstream_invalid_response,
                          fmt::format("the answer's {}: {}", part, why.context));
}

Error too_large(std::uint64_t max_response) {
  return exchange_failure(
      ErrorCode::upstream_invalid_response,
      fmt::format("the answer is larger than upstream.max_response = {} bytes", max_response));
}

/// What browsers may do with an answer is not the upstream's to say: they ask us.
bool is_for_browsers(std::string_view name) {
  static constexpr std::array<std::string_view, 9> names = {
      "Access-Control-Allow-Origin",   "Access-Control-Allow-Credentials",
      "Access-Control-Allow-Headers",  "Access-Control-Allow-Methods",
      "Access-Control-Expose-Headers", "Access-Control-Max-Age",
      "Cross-Origin-Resource-Policy",  "Timing-Allow-Origin",
      "X-Content-Type-Options"};
  return std::ranges::any_of(names,
                             [&](std::string_view one) { return http::equal_ignoring_case(name, one); });
}

InterimAnswer interim_answer(const http::ResponseHead& head) {
  InterimAnswer answer{head.status, {}};
  for (const auto& field : head.fields) answer.fields.add(field.name, field.value);
  return answer;
}

FinalHead final_head(const http::ResponseHead& read, const http::Framing& framing) {
  FinalHead head;
  head.status = read.status;
  head.framing = framing;
  head.keep_alive = http::keeps_alive(read.fields, read.http11);
  for (const auto& field : read.fields) {
    if (!is_for_browsers(field.name)) head.fields.add(field.name, field.value);
  }
  return head;
}

}  // namespace

std::string_view AnswerReader::received() const {
  const auto data = buffer_.data();
  return {static_cast<const char*>(data.data()), data.size()};
}

asio::awaitable<Result<void>> AnswerReader::read_head(FinalHead& head, bool answers_head,
                                                      AnswerStream* onward) {
  http::ResponseHead read;
  std::size_t size = 0;
  for (int interim = 0;; ++interim) {
    const Result<void> came = co_await receive_head(read, size, interim == 0);
    if (!came) co_return came;
    const auto framing = http::framing_of(read, answers_head);
    if (!framing) co_return invalid("head", framing.error());
    if (read.status / 100 != 1) {
      head = final_head(read, *framing);
      break;
    }
    if (interim == max_interim_answers)
      co_return exchange_failure(ErrorCode::upstream_invalid_response, "too many interim answers");
    if (onward != nullptr && read.status != 100) {
      AnswerStream::Piece piece = interim_answer(read);
      co_await onward->write(std::move(piece));
    }
    buffer_.consume(size);
  }
  buffer_.consume(size);  // the views into the head end here
  content_.emplace(head.framing);
  ended_ = content_->done();
  head.keep_alive = head.keep_alive && !content_->ends_with_connection();
  co_return Result<void>();
}

/// Reads bytes until a whole head is in the buffer.
/// @param head   views into the buffer
/// @param first  nothing of an answer to this request has come before
asio::awaitable<Result<void>> AnswerReader::receive_head(http::ResponseHead& head, std::size_t& size,
                                                         bool first) {
  const http::HeadLimits limits{.max_bytes = max_head};
  http::HeadScan scan(http::HeadKind::response, limits);
  while (true) {
    const auto scanned = scan.scan(received());
    if (!scanned) co_return invalid("head", scanned.error());
    if (*scanned) {
      size = **scanned;
      const auto read = http::read_response_head(received().substr(0, size), head, limits);
      if (!read) co_return invalid("head", read.error());
      co_return Result<void>();
    }
    const auto [error, read] = co_await stream_.read_some(buffer_.prepare(piece_size));
    buffer_.commit(read);
    if (!error) continue;
    const bool begun = buffer_.size() > 0 || !first;
    if (begun || deadline_.expired())
      co_return answer_failure(error, deadline_, "head", "waiting for the answer");
    co_return exchange_failure(ErrorCode::upstream_unreachable,
                               "the connection was closed without an answer");
  }
}

/// Waits for more bytes, or for the end of the connection where that is the content's.
asio::awaitable<Result<void>> AnswerReader::receive_content() {
  const auto [error, read] = co_await stream_.read_some(buffer_.prepare(piece_size));
  buffer_.commit(read);
  if (!error || read > 0) co_return Result<void>();
  // Over TLS an end without its notice may be somebody else's doing (RFC 9112, section 9.8).
  ended_ = content_->ends_with_connection() && error == asio::error::eof;
  if (ended_) co_return Result<void>();
  co_return answer_failure(error, deadline_, "content", "reading the answer");
}

Result<void> AnswerReader::take_content(std::string& content) {
  const auto step = content_->next(received());
  if (!step) return invalid("content", step.error());
  content.append(step->content);
  buffer_.consume(step->consumed);
  ended_ = content_->done();
  return {};
}

asio::awaitable<Result<void>> AnswerReader::read_content(std::string& content) {
  if (buffer_.size() == 0) {
    const Result<void> came = co_await receive_content();
    if (!came || ended_) co_return came;
  }
  co_return take_content(content);
}

asio::awaitable<Result<void>> AnswerReader::read_whole_content(std::optional<std::uint64_t> length,
                                                               std::string& content) {
  const std::uint64_t max = settings_.max_response;
  if (length && *length > max) co_return too_large(max);
  if (length) content.reserve(*length);
  while (!ended_) {
    if (buffer_.size() == 0) {
      const Result<void> came = co_await receive_content();
      if (!came) co_return came;
      continue;
    }
    const Result<void> taken = take_content(content);
    if (!taken) co_return taken;
    if (content.size() > max) co_return too_large(max);
  }
  co_return Result<void>();
}

}  // namespace roktcached::upstream
