#include "server/inbound/connection.h"

#include <fmt/format.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>

#include "server/asio.h"
#include "server/inbound/caller.h"
#include "server/inbound/host_check.h"
#include "server/inbound/request_id.h"
#include "server/problem.h"

namespace roktcached::inbound {

namespace beast_http = boost::beast::http;
using tcp = asio::ip::tcp;

struct Connection::Reading {
  beast_http::request_parser<beast_http::string_body> parser;
  Request request;
};

namespace {

Error refusal(ErrorCode code, std::string context) {
  return {.code = code, .source = ErrorSource::inbound, .retryable = false, .context = std::move(context)};
}

/// What is wrong with a head that Beast would not take. A head over its limit whose first line is not even
/// complete has too long a target (RFC 9110, section 15.5.15).
Error explain(const boost::system::error_code& error, bool has_target, std::uint32_t max_head) {
  if (error == beast_http::error::header_limit || error == beast_http::error::buffer_overflow) {
    const std::string limit = " is longer than " + std::to_string(max_head) + " bytes";
    return has_target ? refusal(ErrorCode::fields_too_large, "request head" + limit)
                      : refusal(ErrorCode::target_too_long, "request line" + limit);
  }
  return refusal(ErrorCode::invalid_request, "not an HTTP/1.1 request: " + error.message());
}

/// Beast's own verdicts on what it reads, as against those of the socket.
bool is_protocol_error(const boost::system::error_code& error) {
  static const auto& category = beast_http::make_error_code(beast_http::error::bad_method).category();
  return error.category() == category;
}

Request request_of(const beast_http::request<beast_http::string_body>& message) {
  Request request;
  request.method = std::string_view(message.method_string());
  request.target = std::string_view(message.target());
  for (const auto& field : message) request.fields.add(field.name_string(), field.value());
  return request;
}

/// RFC 9112, section 6.1: where "chunked" is not the one and only coding, Beast takes the content for the
/// next request. A length beside chunks, and chunks in HTTP/1.0, are no honest client's either.
Result<void> check_framing(const http::Fields& fields, bool http11) {
  const std::string codings = fields.combined("Transfer-Encoding");
  if (fields.count("Transfer-Encoding") == 0) return {};
  const bool chunked =
      http11 && http::equal_ignoring_case(codings, "chunked") && fields.count("Content-Length") == 0;
  if (!chunked)
    return refusal(ErrorCode::invalid_request, "Transfer-Encoding: accepted: chunked, alone, in HTTP/1.1");
  return {};
}

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

Connection::Connection(tcp::socket socket, const Limits& limits, Handler& handler)
    : socket_(std::move(socket)),
      limits_(limits),
      handler_(handler),
      deadline_(socket_.get_executor(), [this] { abort(); }) {
  boost::system::error_code ignored;
  socket_.set_option(tcp::no_delay(true), ignored);
  const auto peer = socket_.remote_endpoint(ignored);
  if (!ignored) client_ = peer.address().to_string();
}

void Connection::drain() {
  draining_ = true;
  if (waiting_) abort();
}

void Connection::abort() {
  // cancel, not close: the coroutine decides what is still to be said.
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

asio::awaitable<void> Connection::run() {
  while (true) {
    const Wait next = co_await wait_for_request();
    if (next == Wait::end) break;
    const bool more = co_await serve_one();
    if (!more) break;
  }
  boost::system::error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
}

asio::awaitable<Connection::Wait> Connection::wait_for_request() {
  if (buffer_.size() > 0) co_return Wait::request;
  boost::system::error_code error;
  if (!draining_) {
    waiting_ = true;
    deadline_.expires_after(limits_.idle_timeout);
    const auto [failed] = co_await socket_.async_wait(tcp::socket::wait_read, as_result);
    waiting_ = false;
    error = failed;
    if (!failed) co_return Wait::request;
  }
  // A request that is already here when the connection is drained was sent in good faith: it is still
  // answered.
  const bool received = draining_ && socket_.available(error) > 0;
  co_return received ? Wait::request : Wait::end;
}

asio::awaitable<bool> Connection::serve_one() {
  Reading reading;
  auto& parser = reading.parser;
  parser.header_limit(limits_.max_head);
  parser.body_limit(boost::none);  // checked below, where it can be answered
  deadline_.expires_after(limits_.head_timeout);
  const auto [error, read] = co_await beast_http::async_read_header(socket_, buffer_, parser, as_result);
  reading.request.received_at = std::chrono::steady_clock::now();
  reading.request.client = client_;
  if (error) {
    if (error == beast_http::error::end_of_stream) co_return false;
    if (deadline_.expired()) {
      const bool begun = buffer_.size() > 0 || parser.got_some();
      if (!begun) co_return false;
      Error timeout = refusal(ErrorCode::request_timeout,
                              fmt::format("the head took longer than {} ms", limits_.head_timeout.count()));
      co_return co_await refuse(reading, std::move(timeout));
    }
    if (!is_protocol_error(error)) co_return false;
    Error why = explain(error, !parser.get().target().empty(), limits_.max_head);
    co_return co_await refuse(reading, std::move(why));
  }
  const SteadyTime received_at = reading.request.received_at;
  reading.request = request_of(parser.get());
  reading.request.received_at = received_at;
  reading.request.client = caller_of(reading.request.fields, client_, limits_.own_ids);
  const bool http11 = parser.get().version() >= 11;
  if (const auto host = check_host(reading.request.fields, http11, limits_.allowed_hosts); !host) {
    Error why = host.error();
    co_return co_await refuse(reading, std::move(why));
  }
  if (const auto framing = check_framing(reading.request.fields, http11); !framing) {
    Error why = framing.error();
    co_return co_await refuse(reading, std::move(why));
  }
  const bool complete = co_await read_body(reading);
  if (!complete) co_return false;

  deadline_.clear();
  Request& request = reading.request;
  request.id = request_id_of(request.fields);
  if (http11) request.interim = this;
  Answer answer = co_await handler_.handle(request);
  // An HTTP/1.0 client learns the end of a content of unknown length by the end of the connection.
  const bool ends_with_connection = answer.content && !answer.content_length && !http11;
  const bool keep_alive = parser.get().keep_alive() && !draining_ && !ends_with_connection;
  const bool written = co_await write(request, std::move(answer), keep_alive, http11);
  co_return written&& keep_alive;
}

/// Reads what follows the head; whatever is refused here has been answered.
asio::awaitable<bool> Connection::read_body(Reading& reading) {
  auto& parser = reading.parser;
  if (parser.is_done()) co_return true;
  const auto announced = parser.content_length();
  const std::string too_large = fmt::format("the content is longer than {} bytes", limits_.max_body);
  if (announced && *announced > limits_.max_body) {
    Error why = refusal(ErrorCode::content_too_large, too_large);
    co_return co_await refuse(reading, std::move(why));
  }
  deadline_.expires_after(limits_.body_timeout);
  const auto expect = reading.request.fields.find("Expect");
  if (expect && http::equal_ignoring_case(*expect, "100-continue")) {
    static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    const auto [failed, sent] = co_await asio::async_write(socket_, asio::buffer(go_on), as_result);
    if (failed) co_return false;
  }
  parser.body_limit(limits_.max_body);
  const auto [error, read] = co_await beast_http::async_read(socket_, buffer_, parser, as_result);
  if (!error) {
    reading.request.body = std::move(parser.get().body());
    co_return true;
  }
  if (error == beast_http::error::body_limit) {
    Error why = refusal(ErrorCode::content_too_large, too_large);
    co_return co_await refuse(reading, std::move(why));
  }
  if (deadline_.expired()) {
    Error why = refusal(ErrorCode::request_timeout,
                        fmt::format("the content took longer than {} ms", limits_.body_timeout.count()));
    co_return co_await refuse(reading, std::move(why));
  }
  const bool cut_short =
      error == beast_http::error::partial_message || error == beast_http::error::end_of_stream;
  if (is_protocol_error(error) && !cut_short) {
    Error why = refusal(ErrorCode::invalid_request, "content: " + error.message());
    co_return co_await refuse(reading, std::move(why));
  }
  co_return false;
}

/// Answers a request that will not be handled; where it ends in the stream is not known, so the connection
/// ends too.
asio::awaitable<bool> Connection::refuse(Reading& reading, Error error) {
  Request& request = reading.request;
  request.id = request_id_of(request.fields);
  Answer answer = problem(error, request.id);
  const bool written = co_await write(request, std::move(answer), false, true);
  if (written) co_await linger();
  co_return false;
}

asio::awaitable<bool> Connection::write(const Request& request, Answer answer, bool keep_alive, bool http11) {
  head_.clear();
  fmt::format_to(std::back_inserter(head_), "HTTP/1.1 {} {}\r\n", answer.status, reason_of(answer.status));
  const bool chunked = answer.content && !answer.content_length && http11;
  if (has_content(answer)) {
    fmt::format_to(std::back_inserter(head_), "Content-Length: {}\r\n", answer.body->size());
  } else if (answer.content && answer.content_length) {
    fmt::format_to(std::back_inserter(head_), "Content-Length: {}\r\n", *answer.content_length);
  } else if (chunked) {
    head_ += "Transfer-Encoding: chunked\r\n";
  }
  if (!keep_alive) {
    head_ += "Connection: close\r\n";
  } else if (!http11) {
    head_ += "Connection: keep-alive\r\n";
  }
  head_.append("X-Request-Id: ").append(request.id).append("\r\n");

  const bool with_body = has_content(answer) && request.method != "HEAD";
  // Our fields last: a Cache-Status of the upstream's comes before ours (RFC 9211, section 2).
  answer.head += "\r\n";
  const std::array<asio::const_buffer, 4> parts = {
      asio::buffer(head_), asio::buffer(answer.shared_head), asio::buffer(answer.head),
      with_body ? asio::buffer(*answer.body) : asio::const_buffer()};
  deadline_.expires_after(limits_.write_timeout);
  const auto [error, written] = co_await asio::async_write(socket_, parts, as_result);
  std::size_t sent = with_body && !error ? answer.body->size() : 0;
  bool whole = !error;
  if (whole && answer.content) whole = co_await write_content(*answer.content, chunked, sent);
  answer.content.reset();
  deadline_.clear();
  handler_.finished(request, answer, sent);
  co_return whole;
}

/// @return false where the client, or the content, broke off: the connection must end, so that what came is
/// not taken for the whole
asio::awaitable<bool> Connection::write_content(ContentSource& content, bool chunked, std::size_t& sent) {
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
    const auto [error, written] = co_await asio::async_write(socket_, parts, as_result);
    if (error) co_return false;
    sent += data.size();
    if (last) co_return true;
  }
}

asio::awaitable<void> Connection::send_interim(unsigned status, const http::Fields& fields) {
  std::string message = fmt::format("HTTP/1.1 {} {}\r\n{}\r\n", status, reason_of(status), fields.to_lines());
  deadline_.expires_after(limits_.write_timeout);
  co_await asio::async_write(socket_, asio::buffer(message), as_result);
  deadline_.clear();
}

/// Reads away what the client is still sending, for a moment: closing with unread bytes resets the
/// connection, and the client would lose the answer (RFC 9112, section 9.6).
asio::awaitable<void> Connection::linger() {
  boost::system::error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
  deadline_.expires_after(std::chrono::seconds{2});
  std::array<char, 4096> sink;
  for (std::size_t total = 0; total < 1024 * 1024;) {
    const auto [error, read] = co_await socket_.async_read_some(asio::buffer(sink), as_result);
    if (error) break;
    total += read;
  }
  deadline_.clear();
}

}  // namespace roktcached::inbound
