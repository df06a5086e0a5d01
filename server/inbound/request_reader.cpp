#include "server/inbound/request_reader.h"

#include <fmt/format.h>

#include <optional>

#include "server/inbound/host_check.h"
#include "server/inbound/request_target.h"

namespace roktcached::inbound {

using End = Incoming::End;

namespace {

constexpr std::size_t piece = 4096;

Error refusal(ErrorCode code, std::string context) {
  return {.code = code, .source = ErrorSource::inbound, .retryable = false, .context = std::move(context)};
}

End refuse(Incoming& incoming, Error why) {
  incoming.why = std::move(why);
  return End::refused;
}

/// Only one expectation is known (RFC 9110, section 10.1.1).
Result<void> check_expect(const http::Fields& fields) {
  const auto expect = fields.find("Expect");
  if (!expect || (fields.count("Expect") == 1 && http::equal_ignoring_case(*expect, "100-continue"))) return {};
  return refusal(ErrorCode::expectation_failed, "Expect: accepted: 100-continue");
}

}  // namespace

std::string_view RequestReader::received() const {
  const auto data = buffer_.data();
  return {static_cast<const char*>(data.data()), data.size()};
}

asio::awaitable<boost::system::error_code> RequestReader::wait() {
  if (!stream_.encrypted()) {
    // Without a buffer: a connection that is idle should cost little.
    const auto [error] = co_await stream_.readable();
    co_return error;
  }
  const auto [error, read] = co_await stream_.read_some(buffer_.prepare(piece));
  buffer_.commit(read);
  co_return error;
}

asio::awaitable<End> RequestReader::read(Incoming& incoming) {
  const End head = co_await read_head(incoming);
  if (head != End::request || framing_.kind == http::Framing::Kind::none) co_return head;
  co_return co_await read_content(incoming, framing_);
}

asio::awaitable<End> RequestReader::read_head(Incoming& incoming) {
  const http::HeadLimits limits{.max_bytes = limits_.max_head};
  http::HeadScan scan(http::HeadKind::request, limits);
  deadline_.expires_after(limits_.head_timeout);
  while (true) {
    const auto scanned = scan.scan(received());
    incoming.request.received_at = std::chrono::steady_clock::now();
    if (!scanned) {
      // Whoever asked for a head alone would take content for the next answer.
      if (received().starts_with("HEAD ")) incoming.request.method = "HEAD";
      co_return refuse(incoming, scanned.error());
    }
    if (const auto size = *scanned) {
      const auto framing = accept_head(incoming, received().substr(0, *size));
      buffer_.consume(*size);
      if (!framing) co_return refuse(incoming, framing.error());
      framing_ = *framing;
      co_return End::request;
    }
    const auto [error, read] = co_await stream_.read_some(buffer_.prepare(piece));
    if (error) co_return interrupted(incoming, error, "head", limits_.head_timeout);
    buffer_.commit(read);
  }
}

/// @param head  the whole of it
Result<http::Framing> RequestReader::accept_head(Incoming& incoming, std::string_view head) {
  if (const auto read = http::read_request_head(head, head_, {.max_bytes = limits_.max_head}); !read)
    return read.error();
  Request& request = incoming.request;
  request.method = head_.method;
  for (const auto& field : head_.fields) request.fields.add(field.name, field.value);
  incoming.http11 = head_.http11;
  if (const auto host = check_host(request.fields, head_.http11, limits_.allowed_hosts); !host)
    return host.error();
  if (const auto expect = check_expect(request.fields); !expect) return expect.error();
  auto target = read_target(head_.method, head_.target, request.fields.find("Host").value_or(""),
                            stream_.encrypted());
  if (!target) return target.error();
  request.target = std::move(target->origin_form);
  // What lies behind a request that others may read otherwise is not read at all.
  incoming.last = target->was_absolute || request.fields.contains("Expect") ||
                  request.fields.contains("Upgrade") || request.fields.contains("HTTP2-Settings") ||
                  !http::keeps_alive(head_.fields, head_.http11);
  return http::framing_of(head_);
}

asio::awaitable<End> RequestReader::read_content(Incoming& incoming, const http::Framing& framing) {
  const Error too_large =
      refusal(ErrorCode::content_too_large, fmt::format("the content is longer than {} bytes", limits_.max_body));
  if (framing.kind == http::Framing::Kind::length && framing.length > limits_.max_body)
    co_return refuse(incoming, too_large);
  deadline_.expires_after(limits_.body_timeout);
  if (incoming.http11 && incoming.request.fields.contains("Expect")) {
    static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    const auto [failed, sent] = co_await stream_.write(asio::buffer(go_on));
    if (failed) co_return End::nothing;
  }
  http::ContentDecoder content(framing);
  while (!content.done()) {
    const auto step = content.next(received());
    if (!step) co_return refuse(incoming, refusal(ErrorCode::invalid_request, "content: " + step.error().context));
    incoming.request.body.append(step->content);
    buffer_.consume(step->consumed);
    if (incoming.request.body.size() + content.announced() > limits_.max_body)
      co_return refuse(incoming, too_large);
    if (content.done() || step->consumed > 0) continue;
    const auto [error, read] = co_await stream_.read_some(buffer_.prepare(piece));
    if (error) co_return interrupted(incoming, error, "content", limits_.body_timeout);
    buffer_.commit(read);
  }
  co_return End::request;
}

/// What a request comes to whose bytes stop coming.
End RequestReader::interrupted(Incoming& incoming, const boost::system::error_code& error, std::string_view part,
                               std::chrono::milliseconds timeout) {
  const bool begun = part == "content" || buffer_.size() > 0;
  if (!begun) return End::nothing;
  if (deadline_.expired()) {
    return refuse(incoming, refusal(ErrorCode::request_timeout,
                                    fmt::format("the {} took longer than {} ms", part, timeout.count())));
  }
  if (error == asio::error::eof)
    return refuse(incoming, refusal(ErrorCode::invalid_request, fmt::format("the {} is cut off", part)));
  return End::nothing;
}

}  // namespace roktcached::inbound
