#include "server/inbound/answer_writer.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "server/inbound/date_field.h"
#include "server/inbound/status_line.h"
#include "server/system_clock.h"

namespace roktcached::inbound {

namespace {

constexpr std::size_t max_held = 16 * 1024;
/// A content up to here is sooner copied than sent from where it is.
constexpr std::size_t max_copied = 4096;
/// What is larger than what is usually sent at once is not kept for the next.
constexpr std::size_t max_kept = 2 * max_held;

/// RFC 9110, section 8.6: an answer to HEAD and a 304 say what GET would; 204 has no length.
bool has_content(const Answer& answer) {
  return answer.body && answer.status != 204 && answer.status != 304;
}

void append_framing(std::string& head, const Answer& answer, const AnswerFrame& frame) {
  if (has_content(answer)) {
    append_field(head, "Content-Length", answer.body->size());
  } else if (answer.content && answer.content_length) {
    append_field(head, "Content-Length", *answer.content_length);
  } else if (is_chunked(answer, frame.http11)) {
    head += "Transfer-Encoding: chunked\r\n";
  }
  if (!frame.keep_alive) {
    head += "Connection: close\r\n";
  } else if (!frame.http11) {
    head += "Connection: keep-alive\r\n";
  }
}

}  // namespace

bool is_chunked(const Answer& answer, bool http11) {
  return answer.content && !answer.content_length && http11;
}

std::size_t AnswerWriter::add(const Request& request, const Answer& answer, const AnswerFrame& frame) {
  append_status_line(head_, answer.status);
  append_framing(head_, answer, frame);
  head_.append("X-Request-Id: ").append(request.id).append("\r\n").append(frame.browser_fields);
  if (!has_date(answer)) append_date(head_, SystemClock().wall_now());
  // Our fields last: a Cache-Status of the upstream's comes before ours (RFC 9211, section 2).
  head_.append(answer.shared_head).append(answer.head).append("\r\n");
  if (!has_content(answer) || request.method == "HEAD") return 0;
  if (answer.body->size() <= max_copied) {
    head_ += *answer.body;
  } else {
    body_ = answer.body;
  }
  return answer.body->size();
}

void AnswerWriter::add_interim(unsigned status, const http::Fields& fields) {
  append_status_line(head_, status);
  head_.append(fields.to_lines()).append("\r\n");
}

bool AnswerWriter::is_full() const {
  return body_ || head_.size() >= max_held;
}

std::array<asio::const_buffer, 2> AnswerWriter::left() const {
  const std::size_t of_head = std::min(sent_, head_.size());
  return {asio::buffer(head_) + of_head,
          body_ ? asio::buffer(*body_) + (sent_ - of_head) : asio::const_buffer()};
}

bool AnswerWriter::send_now(ClientStream& stream, ClientStream::After after) {
  if (is_empty()) return true;
  const auto parts = left();
  sent_ += stream.write_now(parts[0], parts[1], after);
  if (sent_ < head_.size() + (body_ ? body_->size() : 0)) return false;
  clear();
  return true;
}

asio::awaitable<bool> AnswerWriter::send(ClientStream& stream, Deadline& deadline,
                                         std::chrono::milliseconds timeout) {
  if (send_now(stream)) co_return true;
  const auto parts = left();
  deadline.expires_after(timeout);
  const auto [error, bytes] = co_await stream.write(parts);
  deadline.clear();
  clear();
  co_return !error;
}

asio::awaitable<bool> AnswerWriter::send(ClientStream& stream, Deadline& deadline,
                                         std::chrono::milliseconds timeout, ContentSource& content,
                                         bool chunked, std::size_t& sent) {
  std::size_t on_its_way = 0;
  while (true) {
    // Also before the first piece: the head must not wait for it.
    const bool taken = co_await send(stream, deadline, timeout);
    if (!taken) co_return false;
    sent += std::exchange(on_its_way, 0);
    Result<std::optional<std::string>> piece = co_await content.next();  // it has deadlines of its own
    if (!piece) co_return false;
    if (!piece->has_value()) break;
    on_its_way = (*piece)->size();
    if (chunked) {
      fmt::format_to(std::back_inserter(head_), "{:x}\r\n", on_its_way);
      (*piece)->append("\r\n");
    }
    body_ = std::make_shared<const std::string>(std::move(**piece));
  }
  if (chunked) head_ += "0\r\n\r\n";
  const bool whole = co_await send(stream, deadline, timeout);
  co_return whole;
}

void AnswerWriter::clear() {
  sent_ = 0;
  body_.reset();
  explicit_bzero(head_.data(), head_.size());  // a token may have been in it
  if (head_.capacity() > max_kept) {
    head_ = std::string();
  } else {
    head_.clear();
  }
}

}  // namespace roktcached::inbound
