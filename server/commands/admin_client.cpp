#include "server/commands/admin_client.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <optional>

#include "server/asio.h"
#include "server/inbound/listening_socket.h"

namespace roktcached::commands {

namespace beast = boost::beast;
namespace beast_http = boost::beast::http;

namespace {

constexpr std::chrono::seconds connect_timeout{5};
constexpr std::chrono::minutes answer_timeout{10};

Error unavailable_error(const config::Endpoint& address, const std::string& why) {
  return {.code = ErrorCode::unavailable,
          .source = ErrorSource::inbound,
          .retryable = true,
          .context = "admin listener " + config::to_string(address) + ": " + why};
}

using Protocol = asio::generic::stream_protocol;

Result<void> find_endpoint(const config::Endpoint& address, Protocol::endpoint& endpoint) {
  if (address.is_unix()) {
    endpoint = asio::local::stream_protocol::endpoint(address.path);
    return {};
  }
  const auto found = inbound::to_endpoint(address);
  if (!found) return found.error();
  endpoint = *found;
  return {};
}

asio::awaitable<Result<AdminAnswer>> call(config::Endpoint address,
                                          beast_http::request<beast_http::string_body> request) {
  Protocol::endpoint endpoint;
  const auto found = find_endpoint(address, endpoint);
  if (!found) co_return unavailable_error(address, found.error().context);
  beast::basic_stream<Protocol> stream(co_await asio::this_coro::executor);
  stream.expires_after(connect_timeout);
  const auto [unconnected] = co_await stream.async_connect(endpoint, as_result);
  if (unconnected) co_return unavailable_error(address, unconnected.message());
  stream.expires_after(answer_timeout);
  const auto [unsent, sent] = co_await beast_http::async_write(stream, request, as_result);
  if (unsent) co_return unavailable_error(address, unsent.message());
  beast::flat_buffer buffer;
  beast_http::response<beast_http::string_body> response;
  const auto [unread, read] = co_await beast_http::async_read(stream, buffer, response, as_result);
  if (unread) co_return unavailable_error(address, unread.message());
  co_return AdminAnswer{response.result_int(), std::move(response.body())};
}

}  // namespace

Result<AdminAnswer> post_to_admin(const config::Admin& admin, const std::string& path,
                                  const std::string& json) {
  if (!admin.address)
    return Error{ErrorCode::unavailable, ErrorSource::inbound, false,
                 "admin.address is \"off\": a running daemon cannot be asked"};
  beast_http::request<beast_http::string_body> request(beast_http::verb::post, path, 11);
  const std::string host = admin.address->is_unix() ? "localhost" : config::to_string(*admin.address);
  request.set(beast_http::field::host, host);
  request.set(beast_http::field::content_type, "application/json");
  request.set(beast_http::field::connection, "close");
  if (!admin.token.empty()) request.set(beast_http::field::authorization, "Bearer " + admin.token.reveal());
  request.body() = json;
  request.prepare_payload();

  asio::io_context context{1};
  std::optional<Result<AdminAnswer>> answer;
  std::exception_ptr failure;
  asio::co_spawn(context, call(*admin.address, std::move(request)),
                 [&](std::exception_ptr thrown, Result<AdminAnswer> result) {
                   failure = std::move(thrown);
                   answer = std::move(result);
                 });
  context.run();
  if (failure) std::rethrow_exception(failure);
  return std::move(*answer);
}

}  // namespace roktcached::commands
