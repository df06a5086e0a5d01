#include "server/inbound/answer_writer.h"

#include <fmt/format.h>

#include <array>
#include <boost/beast/core/buffers_suffix.hpp>

#include "server/inbound/status_line.h"

namespace roktcached::inbound {

namespace {

constexpr std::size_t max_held = 16 * 1024;

/// RFC 9110, section 8.6: an answer to HEAD and a 304 say what GET would; 204 has no length.
bool has_content(const Answer& answer) {
  return answer.body && answer.status != 204 && answer.status != 304;
}

}  // namespace

asio::awaitable<Written> AnswerWriter::write(const Request& request, Answer& answer, AnswerFrame frame) {
  const bool chunked = answer.content && !answer.content_length && frame.http11;
  make_head(request, answer, frame, chunked);
  const bool with_body = has_content(answer) && request.method != "HEAD";
  // Our fields last: a Cache-Status of the upstream's comes before ours (RFC 9211, section 2).
  answer.head += "\r\n";
  const std::string_view body = with_body ? std::string_view(*answer.body) : std::string_view();
  Written written{.whole = true, .body_bytes = body.size()};
  if (frame.more_follow && !answer.content && held_.size() + body.size() < max_held) {
    held_.append(head_).append(answer.shared_head).append(answer.head).append(body);
    co_return written;
  }
  const std::array<asio::const_buffer, 5> parts = {asio::buffer(held_), asio::buffer(head_),
                                                   asio::buffer(answer.shared_head),
                                                   asio::buffer(answer.head), asio::buffer(body)};
  written.whole = co_await send(parts);
  held_.clear();
  if (!written.whole) written.body_bytes = 0;
  if (written.whole && answer.content)
    written.whole = co_await write_content(*answer.content, chunked, written.body_bytes);
  answer.content.reset();
  co_return written;
}

/// @return false where the client has gone, or takes nothing any more
template <class Buffers>
asio::awaitable<bool> AnswerWriter::send(const Buffers& parts) {
  const std::size_t sent = stream_.write_now(parts);
  if (sent == asio::buffer_size(parts)) co_return true;
  boost::beast::buffers_suffix<Buffers> rest(parts);
  rest.consume(sent);
  writing_ = true;
  deadline_.expires_after(limits_.write_timeout);
  const auto [error, bytes] = co_await stream_.write(rest);
  deadline_.clear();
  writing_ = false;
  co_return !error;
}

asio::awaitable<bool> AnswerWriter::flush() {
  const bool whole = co_await send(std::array<asio::const_buffer, 1>{asio::buffer(held_)});
  held_.clear();
  co_return whole;
}

void AnswerWriter::flush_now() {
  if (writing_ || held_.empty()) return;
  held_.erase(0, stream_.write_now(asio::buffer(held_)));
}

void AnswerWriter::make_head(const Request& request, const Answer& answer, const AnswerFrame& frame,
                             bool chunked) {
  head_.clear();
  append_status_line(head_, answer.status);
  if (has_content(answer)) {
    append_field(head_, "Content-Length", answer.body->size());
  } else if (answer.content && answer.content_length) {
    append_field(head_, "Content-Length", *answer.content_length);
  } else if (chunked) {
    head_ += "Transfer-Encoding: chunked\r\n";
  }
  if (!frame.keep_alive) {
    head_ += "Connection: close\r\n";
  } else if (!frame.http11) {
    head_ += "Connection: keep-alive\r\n";
  }
  head_.append("X-Request-Id: ").append(request.id).append("\r\n").append(frame.browser_fields);
}

/// @return false where the client, or the content, broke off
asio::awaitable<bool> AnswerWriter::write_content(ContentSource& content, bool chunked, std::size_t& sent) {
  while (true) {
    deadline_.clear();  // the upstream has deadlines of its own
    Result<std::optional<std::string>> piece = co_await content.next();
    if (!piece) co_return false;
    const bool last = !piece->has_value();
    const std::string data = last ? std::string() : std::move(**piece);
    std::string before;
    if (chunked) before = last ? "0\r\n\r\n" : fmt::format("{:x}\r\n", data.size());
    const std::array<asio::const_buffer, 3> parts = {
        asio::buffer(before), asio::buffer(data),
        chunked && !last ? asio::buffer("\r\n", 2) : asio::const_buffer()};
    const bool taken = co_await send(parts);
    if (!taken) co_return false;
    sent += data.size();
    if (last) co_return true;
  }
}

asio::awaitable<void> AnswerWriter::send_interim(unsigned status, const http::Fields& fields) {
  std::string message;
  append_status_line(message, status);
  message.append(fields.to_lines()).append("\r\n");
  const std::array<asio::const_buffer, 2> parts = {asio::buffer(held_), asio::buffer(message)};
  co_await send(parts);
  held_.clear();
}

}  // namespace roktcached::inbound
