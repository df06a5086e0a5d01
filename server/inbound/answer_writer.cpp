#include "server/inbound/answer_writer.h"

#include <fmt/format.h>

#include <array>
#include <boost/beast/http/status.hpp>

namespace roktcached::inbound {

namespace beast_http = boost::beast::http;

namespace {

/// A status that nobody has named has no reason phrase (RFC 9112, section 4).
std::string_view reason_of(unsigned status) {
  if (status == 103) return "Early Hints";
  const auto known = beast_http::int_to_status(status);
  return known == beast_http::status::unknown ? std::string_view()
                                              : std::string_view(beast_http::obsolete_reason(known));
}

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
  const std::array<asio::const_buffer, 4> parts = {
      asio::buffer(head_), asio::buffer(answer.shared_head), asio::buffer(answer.head),
      with_body ? asio::buffer(*answer.body) : asio::const_buffer()};
  deadline_.expires_after(limits_.write_timeout);
  const auto [error, bytes] = co_await stream_.write(parts);
  Written written{.whole = !error, .body_bytes = with_body && !error ? answer.body->size() : 0};
  if (written.whole && answer.content)
    written.whole = co_await write_content(*answer.content, chunked, written.body_bytes);
  answer.content.reset();
  deadline_.clear();
  co_return written;
}

void AnswerWriter::make_head(const Request& request, const Answer& answer, const AnswerFrame& frame,
                             bool chunked) {
  head_.clear();
  fmt::format_to(std::back_inserter(head_), "HTTP/1.1 {} {}\r\n", answer.status, reason_of(answer.status));
  if (has_content(answer)) {
    fmt::format_to(std::back_inserter(head_), "Content-Length: {}\r\n", answer.body->size());
  } else if (answer.content && answer.content_length) {
    fmt::format_to(std::back_inserter(head_), "Content-Length: {}\r\n", *answer.content_length);
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
    deadline_.expires_after(limits_.write_timeout);
    const auto [error, bytes] = co_await stream_.write(parts);
    if (error) co_return false;
    sent += data.size();
    if (last) co_return true;
  }
}

asio::awaitable<void> AnswerWriter::send_interim(unsigned status, const http::Fields& fields) {
  const std::string message =
      fmt::format("HTTP/1.1 {} {}\r\n{}\r\n", status, reason_of(status), fields.to_lines());
  deadline_.expires_after(limits_.write_timeout);
  co_await stream_.write(asio::buffer(message));
  deadline_.clear();
}

}  // namespace roktcached::inbound
