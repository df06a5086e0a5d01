#include "server/upstream/wire/tunnel.h"

#include <fmt/format.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include "core/http/message_head.h"
#include "server/asio.h"
#include "server/http/message_parser.h"

namespace roktcached::upstream {

namespace {

constexpr http::HeadLimits proxy_head_limits{.max_bytes = 16 * 1024};
constexpr int max_interim_heads = 8;

Error refused(const std::string& proxy, std::string_view why) {
  return {ErrorCode::upstream_unreachable, false, fmt::format("the proxy {} {}", proxy, why),
          ErrorSource::upstream};
}

/// Takes a head off what comes. An answer that opens a tunnel has no content, whatever its fields say.
asio::awaitable<Result<unsigned>> read_status(asio::ip::tcp::socket& socket, std::string& buffer) {
  http::HeadScan scan(http::HeadKind::response, proxy_head_limits);
  std::array<char, 1024> piece;
  while (true) {
    const auto scanned = scan.scan(buffer);
    if (!scanned) co_return scanned.error();
    if (const auto size = *scanned) {
      http::ResponseHead head;
      http::ResponseParser parser;
      // RFC 9110, section 9.3.6: what it says of its content does not count, and that is all that may be
      // wrong.
      static_cast<void>(parser.read_head(std::string_view(buffer).substr(0, *size), scan, head));
      buffer.erase(0, *size);
      co_return head.status;
    }
    const auto [error, count] = co_await socket.async_read_some(asio::buffer(piece), as_result);
    if (error)
      co_return Error{ErrorCode::upstream_unreachable, false, error.message(), ErrorSource::upstream};
    buffer.append(piece.data(), count);
  }
}

}  // namespace

asio::awaitable<Result<void>> open_tunnel(asio::ip::tcp::socket& socket, std::string authority,
                                          std::string proxy) {
  const std::string request =
      fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\nUser-Agent: roktcached\r\n\r\n", authority);
  const auto [write_error, sent] = co_await asio::async_write(socket, asio::buffer(request), as_result);
  if (write_error) co_return refused(proxy, "closed the connection: " + write_error.message());
  std::string buffer;
  unsigned status = 0;
  for (int interim = 0; interim <= max_interim_heads; ++interim) {
    const Result<unsigned> read = co_await read_status(socket, buffer);
    if (!read) co_return refused(proxy, "gave no answer to CONNECT: " + read.error().context);
    status = *read;
    if (status / 100 != 1) break;
  }
  if (status / 100 != 2) co_return refused(proxy, fmt::format("answered CONNECT with {}", status));
  // The server behind the tunnel sends nothing before it is asked.
  if (!buffer.empty()) co_return refused(proxy, "sent more than an answer to CONNECT");
  co_return Result<void>();
}

}  // namespace roktcached::upstream
