#include "server/upstream/tunnel.h"

#include <fmt/format.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <optional>

#include "server/asio.h"

namespace roktcached::upstream {

namespace beast_http = boost::beast::http;

namespace {

constexpr std::uint32_t max_head = 16 * 1024;
constexpr int max_interim_answers = 8;

Error refused(const std::string& proxy, std::string_view why) {
  return {ErrorCode::upstream_unreachable, ErrorSource::upstream, false,
          fmt::format("the proxy {} {}", proxy, why)};
}

}  // namespace

asio::awaitable<Result<void>> open_tunnel(asio::ip::tcp::socket& socket, std::string authority,
                                          std::string proxy) {
  const std::string request =
      fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\nUser-Agent: roktcached\r\n\r\n", authority);
  const auto [write_error, sent] = co_await asio::async_write(socket, asio::buffer(request), as_result);
  if (write_error) co_return refused(proxy, "closed the connection: " + write_error.message());
  boost::beast::flat_buffer buffer;
  std::optional<beast_http::response_parser<beast_http::empty_body>> parser;
  unsigned status = 0;
  for (int interim = 0; interim <= max_interim_answers; ++interim) {
    parser.emplace();
    parser->header_limit(max_head);
    parser->skip(true);  // an answer that opens a tunnel has no content, whatever its fields say
    const auto [error, read] = co_await beast_http::async_read_header(socket, buffer, *parser, as_result);
    if (error) co_return refused(proxy, "gave no answer to CONNECT: " + error.message());
    status = parser->get().result_int();
    if (status / 100 != 1) break;
  }
  if (status / 100 != 2) co_return refused(proxy, fmt::format("answered CONNECT with {}", status));
  // Nobody behind the tunnel speaks before it is spoken to.
  if (buffer.size() > 0) co_return refused(proxy, "sent more than an answer to CONNECT");
  co_return Result<void>();
}

}  // namespace roktcached::upstream
