#include "server/upstream/wire/upstream_connection.h"

#include <fmt/format.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/http/location.h"
#include "server/asio.h"
#include "server/room.h"
#include "server/upstream/wire/dial.h"
#include "server/upstream/wire/exchange_failure.h"
#include "server/upstream/wire/tunnel.h"

namespace roktcached::upstream {

namespace ssl = asio::ssl;

namespace {

/// An answer that is known to be no longer than this is read whole before it is passed on.
constexpr std::uint64_t max_unstreamed = 256 * 1024;

bool is_address(const std::string& host) {
  boost::system::error_code error;
  asio::ip::make_address(host, error);
  return !error;
}

std::string without_brackets(const std::string& host) {
  return host.starts_with('[') ? host.substr(1, host.size() - 2) : host;
}

/// Clients know this server alone, so a redirect to the upstream has to lead here.
void make_local(http::Fields& fields, const config::Url& url) {
  const auto location = fields.find("Location");
  if (!location) return;
  const http::Place upstream{url.tls ? "https" : "http", url.host, url.port, url.base_path};
  if (const auto local = http::local_location(*location, upstream)) fields.set("Location", *local);
}

/// The claim of the status about the request, where it is false (RFC 9110, sections 15.3.7 and 15.4.5).
std::optional<const char*> false_claim(unsigned status, const WireRequest& request) {
  if (status == 304 && !request.is_conditional()) return "304 to a request without conditions";
  if (status == 206 && !request.asks_for_ranges()) return "206 to a request without Range";
  return std::nullopt;
}

/// Refusals are read whole: they may have to be answered with a new token instead.
bool is_to_be_streamed(const FinalHead& head, std::uint64_t max_response) {
  const auto length = head.length();
  const bool short_one = length && *length <= std::min(max_unstreamed, max_response);
  return head.status != 400 && head.status != 401 && head.status != 403 && !short_one;
}

}  // namespace

std::chrono::milliseconds connection_lifetime(std::chrono::milliseconds max_age, double jitter) {
  const auto less =
      std::chrono::duration<double, std::milli>(static_cast<double>(max_age.count()) / 10 * jitter);
  return max_age - std::chrono::duration_cast<std::chrono::milliseconds>(less);
}

bool is_loss_of_kept_connection(const Error& why) {
  return why.code == ErrorCode::upstream_unreachable && why.retryable;
}

UpstreamConnection::UpstreamConnection(const asio::any_io_executor& executor, Origin& origin)
    : origin_(origin),
      stream_(executor, origin.tls ? &*origin.tls : nullptr),
      deadline_(executor, [this] { close(); }),
      reader_(stream_, deadline_, origin.settings) {}

asio::awaitable<Result<std::unique_ptr<UpstreamConnection>>> UpstreamConnection::open(
    const asio::any_io_executor& executor, Origin& origin, Turn* turn) {
  std::unique_ptr<UpstreamConnection> connection(new UpstreamConnection(executor, origin));
  bool given_up = false;
  const auto give_up = [&] {
    given_up = true;
    connection->close();
  };
  const Turn::Watch watch(turn, give_up);
  Result<void> opened = co_await connection->connect(turn);
  if (opened && !given_up && connection->stream_.tls() != nullptr)
    opened = co_await connection->shake_hands();
  if (given_up) co_return nobody_waits();
  if (!opened) co_return opened.error();
  connection->deadline_.clear();
  const double jitter = std::uniform_real_distribution<double>(0, 1)(origin.random);
  connection->expires_at =
      std::chrono::steady_clock::now() + connection_lifetime(origin.settings.max_age, jitter);
  co_return connection;
}

asio::awaitable<Result<void>> UpstreamConnection::connect(Turn* turn) {
  const SteadyTime due = std::chrono::steady_clock::now() + origin_.settings.connect_timeout;
  const std::optional<config::Url>& proxy = origin_.settings.proxy;
  const std::string proxy_name = proxy ? fmt::format("{}:{}", proxy->host, proxy->port) : std::string();
  const auto named = [&](Error why) {
    if (proxy) why.context = fmt::format("the proxy {}: {}", proxy_name, why.context);
    return why;
  };
  const Result<Endpoints> endpoints = co_await origin_.resolver.resolve(due, turn);
  if (!endpoints) co_return named(endpoints.error());
  Result<UpstreamStream::Socket> dialed =
      co_await dial(stream_.socket().get_executor(), *endpoints, due, turn);
  if (!dialed) {
    if (dialed.error().code != ErrorCode::client_gone) origin_.resolver.doubt();
    co_return named(dialed.error());
  }
  stream_.take(std::move(*dialed));
  deadline_.expires_at(due);
  if (!proxy) co_return Result<void>();
  const Result<void> tunnel = co_await open_tunnel(stream_.socket(), origin_.authority, proxy_name);
  if (!tunnel && deadline_.expired())
    co_return named(
        exchange_failure(ErrorCode::upstream_timeout, "waiting for its answer to CONNECT: timed out"));
  co_return tunnel;
}

asio::awaitable<Result<void>> UpstreamConnection::shake_hands() {
  UpstreamStream::Tls& tls = *stream_.tls();
  std::string host = without_brackets(origin_.settings.url.host);
  // OpenSSL's own check, rather than a callback, since it says what is wrong.
  X509_VERIFY_PARAM* const verified = SSL_get0_param(tls.native_handle());
  X509_VERIFY_PARAM_set_hostflags(verified, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  const bool named = is_address(host) ? X509_VERIFY_PARAM_set1_ip_asc(verified, host.c_str()) == 1
                                      : X509_VERIFY_PARAM_set1_host(verified, host.data(), host.size()) == 1;
  if (!named)
    co_return exchange_failure(ErrorCode::upstream_unreachable,
                               "the TLS handshake: " + host + " cannot be verified");
  if (!is_address(host)) {
    SSL_ctrl(tls.native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, host.data());
  }
  origin_.sessions.offer_to(tls.native_handle(), std::chrono::steady_clock::now());
  const auto [error] = co_await tls.async_handshake(ssl::stream_base::client, as_result);
  if (!error) co_return Result<void>();
  // Whether the session was at fault is not known where nobody has waited for the end.
  const bool given_up = error == asio::error::operation_aborted && !deadline_.expired();
  if (!given_up) origin_.sessions.forget();
  const long verdict = SSL_get_verify_result(tls.native_handle());
  Error why = connection_failure(error, deadline_, "the TLS handshake");
  if (verdict != X509_V_OK && !deadline_.expired()) {
    why.context += std::string(": certificate: ") + X509_verify_cert_error_string(verdict);
  }
  co_return why;
}

asio::awaitable<Result<UpstreamResponse>> UpstreamConnection::exchange(const WireRequest& request,
                                                                       GrowingAnswer* stream,
                                                                       LargeAnswer large) {
  const config::Upstream& settings = origin_.settings;
  ++exchanges_;
  reusable_ = false;  // until the answer has been read to its end
  deadline_.expires_after(settings.head_timeout);
  // Most requests fit into what the system takes at once, and then nothing is waited for.
  request.append_head(sending_);
  const std::size_t gone = stream_.write_now(parts_of(request));
  Result<void> done;
  if (gone < sending_.size() + request.content().size()) done = co_await send_rest(request, gone);
  if (!done) co_return done.error();
  sending_.wipe();
  FinalHead head;
  done = co_await reader_.read_head(head, request.method() == "HEAD", stream);
  if (!done) {
    Error why = done.error();
    if (why.code == ErrorCode::upstream_unreachable) why.retryable = used_before();
    co_return why;
  }
  if (const auto claim = false_claim(head.status, request))
    co_return exchange_failure(ErrorCode::upstream_invalid_response, *claim);
  answer_length_ = head.length();
  Result<UpstreamResponse> answer{UpstreamResponse()};  // moved to the caller as it is
  UpstreamResponse& response = *answer;
  response.status = head.status;
  response.fields = std::move(head.fields);
  make_local(response.fields, settings.url);
  response.ends_with_connection = reader_.ends_with_connection();

  const bool streamed =
      stream != nullptr && !reader_.ended() && is_to_be_streamed(head, settings.max_response);
  response.held = storage::BodyAccount::Growing(origin_.bodies);
  if (!streamed) {
    // Mostly there is room, and nothing is to be waited for.
    const std::size_t first = reader_.first_bytes(head.length());
    bool room = response.held.try_add(first);
    if (!room) room = co_await wait_for_room(response.held, first);
    if (!room) co_return no_room();
    done = reader_.begin_content(head.length(), response.body);
  }
  if (done && !reader_.ended() && (streamed || !reader_.too_large())) {
    deadline_.expires_after(settings.body_timeout);
    asio::awaitable<Result<void>> rest = streamed ? pass_on(head, *stream, response)
                                                  : reader_.read_whole_content(response.body, response.held);
    done = co_await std::move(rest);
  }
  if (!done) co_return done.error();
  deadline_.clear();
  if (!streamed && reader_.too_large()) {
    if (large == LargeAnswer::refuse) co_return larger_than(settings.max_response);
    response.too_large = true;
    co_return answer;
  }
  const bool surplus = reader_.has_more();
  response.surplus = surplus && response.fields.contains("Content-Length");
  reusable_ = head.keep_alive && !surplus;
  co_return answer;
}

asio::awaitable<Result<void>> UpstreamConnection::read_rest(std::string& content) {
  deadline_.expires_after(origin_.settings.body_timeout);
  const Result<void> read = co_await reader_.read_content(content);
  deadline_.clear();  // what a slow client costs is not the upstream's fault
  co_return read;
}

std::array<asio::const_buffer, 2> UpstreamConnection::parts_of(const WireRequest& request) const {
  return {asio::const_buffer(sending_.cdata()), asio::buffer(request.content())};
}

asio::awaitable<Result<void>> UpstreamConnection::send_rest(const WireRequest& request, std::size_t gone) {
  const auto parts = parts_of(request);
  const std::size_t of_head = std::min(gone, parts[0].size());
  const std::array<asio::const_buffer, 2> rest = {parts[0] + of_head, parts[1] + (gone - of_head)};
  const auto [error, size] = co_await stream_.write(rest);
  if (!error) co_return Result<void>();
  Error why = connection_failure(error, deadline_, "sending the request");
  why.retryable = !deadline_.expired() && used_before();
  co_return why;
}

/// Reads the content and passes it on as it comes. A short one that is there already needs no pieces.
asio::awaitable<Result<void>> UpstreamConnection::pass_on(const FinalHead& head, GrowingAnswer& onward,
                                                          UpstreamResponse& response) {
  while (!reader_.ended()) {
    std::string piece;
    deadline_.expires_after(origin_.settings.body_timeout);
    const Result<void> next = co_await reader_.read_content(piece);
    if (!next) co_return next;
    deadline_.clear();  // what a slow client costs is not the upstream's fault
    const bool short_one = reader_.ended() && piece.size() <= origin_.settings.max_response;
    if (!response.streamed && short_one) {
      response.body = std::move(piece);
      break;
    }
    if (!response.streamed) onward.begin({response.status, response.fields, head.length()});
    response.streamed = true;
    const bool wanted = co_await onward.append(std::move(piece));
    if (!wanted) co_return exchange_failure(ErrorCode::client_gone, "nobody waits for the answer any more");
  }
  response.too_large = response.streamed && !onward.is_whole();
  co_return Result<void>();
}

}  // namespace roktcached::upstream
