#include "server/upstream/connection.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/beast/http/write.hpp>

#include "core/http/location.h"
#include "server/asio.h"
#include "server/upstream/dial.h"
#include "server/upstream/tunnel.h"

namespace roktcached::upstream {

namespace beast_http = boost::beast::http;
namespace ssl = asio::ssl;

namespace {

constexpr std::uint32_t max_head = 64 * 1024;
constexpr int max_interim_answers = 8;
constexpr std::size_t piece_size = 64 * 1024;
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

/// Whether the connection ended, as against another failure of it.
bool is_cut_off(const boost::system::error_code& error) {
  return error == asio::error::eof || error == asio::error::connection_reset ||
         error == asio::error::broken_pipe || error == asio::ssl::error::stream_truncated;
}

std::string cause(const boost::system::error_code& error) {
  return is_cut_off(error) ? "cut off: " + error.message() : error.message();
}

Error error_of(ErrorCode code, std::string context, bool retryable = false) {
  return {
      .code = code, .source = ErrorSource::upstream, .retryable = retryable, .context = std::move(context)};
}

Error invalid_head(const Error& why) {
  return error_of(ErrorCode::upstream_invalid_response, "the answer's head: " + why.context);
}

http::Fields fields_of(const http::ResponseHead& head) {
  http::Fields fields;
  for (const auto& field : head.fields) fields.add(field.name, field.value);
  return fields;
}

/// What browsers may do with an answer is not the upstream's to say: they ask us.
void remove_browser_fields(http::Fields& fields) {
  for (const auto name :
       {"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Allow-Headers",
        "Access-Control-Allow-Methods", "Access-Control-Expose-Headers", "Access-Control-Max-Age",
        "Cross-Origin-Resource-Policy", "Timing-Allow-Origin", "X-Content-Type-Options"})
    fields.remove(name);
}

bool is_conditional(const WireRequest& request) {
  return request.count(beast_http::field::if_none_match) > 0 ||
         request.count(beast_http::field::if_modified_since) > 0;
}

/// Refusals are read whole: they may have to be answered with a new token instead.
bool is_to_be_streamed(unsigned status, const http::Framing& framing, std::uint64_t max_response) {
  const bool short_one =
      framing.kind == http::Framing::Kind::length && framing.length <= std::min(max_unstreamed, max_response);
  return status != 400 && status != 401 && status != 403 && !short_one;
}

}  // namespace

std::chrono::milliseconds connection_lifetime(std::chrono::milliseconds max_age, double jitter) {
  const auto less =
      std::chrono::duration<double, std::milli>(static_cast<double>(max_age.count()) / 10 * jitter);
  return max_age - std::chrono::duration_cast<std::chrono::milliseconds>(less);
}

Connection::Connection(const asio::any_io_executor& executor, Origin& origin)
    : origin_(origin), deadline_(executor, [this] { close(); }) {
  if (origin.tls) {
    tls_.emplace(executor, *origin.tls);
  } else {
    plain_.emplace(executor);
  }
}

Connection::~Connection() {
  if (tls_) TlsSessions::keep_session_of(tls_->native_handle());
}

void Connection::close() {
  boost::system::error_code ignored;
  socket().close(ignored);
}

bool Connection::gone() {
  if (tls_ && (SSL_get_shutdown(tls_->native_handle()) & SSL_RECEIVED_SHUTDOWN) != 0) return true;
  char byte = 0;
  const auto peeked = ::recv(socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return peeked >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

asio::awaitable<Result<std::unique_ptr<Connection>>> Connection::open(const asio::any_io_executor& executor,
                                                                      Origin& origin) {
  std::unique_ptr<Connection> connection(new Connection(executor, origin));
  const Result<void> connected = co_await connection->connect();
  if (!connected) co_return connected.error();
  if (connection->tls_) {
    const Result<void> secured = co_await connection->shake_hands();
    if (!secured) co_return secured.error();
  }
  connection->deadline_.clear();
  const double jitter = std::uniform_real_distribution<double>(0, 1)(origin.random);
  connection->expires_at =
      std::chrono::steady_clock::now() + connection_lifetime(origin.settings.max_age, jitter);
  co_return connection;
}

asio::awaitable<Result<void>> Connection::connect() {
  const SteadyTime due = std::chrono::steady_clock::now() + origin_.settings.connect_timeout;
  const std::optional<config::Url>& proxy = origin_.settings.proxy;
  const std::string proxy_name = proxy ? fmt::format("{}:{}", proxy->host, proxy->port) : std::string();
  const auto named = [&](Error why) {
    if (proxy) why.context = fmt::format("the proxy {}: {}", proxy_name, why.context);
    return why;
  };
  const Result<Endpoints> endpoints = co_await origin_.resolver.resolve(due);
  if (!endpoints) co_return named(endpoints.error());
  Result<Plain> dialed = co_await dial(socket().get_executor(), *endpoints, due);
  if (!dialed) {
    origin_.resolver.doubt();
    co_return named(dialed.error());
  }
  socket() = std::move(*dialed);
  boost::system::error_code ignored;
  socket().set_option(asio::ip::tcp::no_delay(true), ignored);
  deadline_.expires_at(due);
  if (!proxy) co_return Result<void>();
  const Result<void> tunnel = co_await open_tunnel(socket(), origin_.authority, proxy_name);
  if (!tunnel && deadline_.expired())
    co_return named(error_of(ErrorCode::upstream_timeout, "waiting for its answer to CONNECT: timed out"));
  co_return tunnel;
}

asio::awaitable<Result<void>> Connection::shake_hands() {
  std::string host = without_brackets(origin_.settings.url.host);
  // OpenSSL's own check, rather than a callback, since it says what is wrong.
  X509_VERIFY_PARAM* const verified = SSL_get0_param(tls_->native_handle());
  X509_VERIFY_PARAM_set_hostflags(verified, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  const bool named = is_address(host) ? X509_VERIFY_PARAM_set1_ip_asc(verified, host.c_str()) == 1
                                      : X509_VERIFY_PARAM_set1_host(verified, host.data(), host.size()) == 1;
  if (!named)
    co_return error_of(ErrorCode::upstream_unreachable, "the TLS handshake: " + host + " cannot be verified");
  if (!is_address(host)) {
    SSL_ctrl(tls_->native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, host.data());
  }
  origin_.sessions.offer_to(tls_->native_handle(), std::chrono::steady_clock::now());
  const auto [error] = co_await tls_->async_handshake(ssl::stream_base::client, as_result);
  if (!error) co_return Result<void>();
  origin_.sessions.forget();
  const long verdict = SSL_get_verify_result(tls_->native_handle());
  Error why = failure(error, "the TLS handshake");
  if (verdict != X509_V_OK && !deadline_.expired()) {
    why.context += std::string(": certificate: ") + X509_verify_cert_error_string(verdict);
  }
  co_return why;
}

Error Connection::failure(const boost::system::error_code& error, const char* doing) const {
  if (deadline_.expired()) return error_of(ErrorCode::upstream_timeout, fmt::format("{}: timed out", doing));
  return error_of(ErrorCode::upstream_unreachable, fmt::format("{}: {}", doing, error.message()));
}

asio::awaitable<Result<UpstreamResponse>> Connection::exchange(const WireRequest& request,
                                                               AnswerStream* stream) {
  ++exchanges_;
  reusable_ = false;  // until the answer has been read to its end
  if (tls_) co_return co_await exchange_on(*tls_, request, stream);
  co_return co_await exchange_on(*plain_, request, stream);
}

template <class Stream>
asio::awaitable<Result<UpstreamResponse>> Connection::exchange_on(Stream& stream, const WireRequest& request,
                                                                  AnswerStream* onward) {
  const config::Upstream& settings = origin_.settings;
  deadline_.expires_after(settings.head_timeout);
  const auto [write_error, sent] = co_await beast_http::async_write(stream, request, as_result);
  if (write_error) {
    Error why = failure(write_error, "sending the request");
    why.retryable = !deadline_.expired() && used_before();
    co_return why;
  }
  const bool answers_head = request.method() == beast_http::verb::head;
  AnswerHeadRead answer;
  for (int interim = 0;; ++interim) {
    const Result<void> read = co_await read_head(stream, answer, interim == 0);
    if (!read) co_return read.error();
    const unsigned status = answer.head.status;
    const auto framing = http::framing_of(answer.head, answers_head);
    if (!framing) co_return invalid_head(framing.error());
    answer.framing = *framing;
    if (status / 100 != 1) break;
    if (interim == max_interim_answers)
      co_return error_of(ErrorCode::upstream_invalid_response, "too many interim answers");
    if (onward != nullptr && status != 100) {
      AnswerStream::Piece piece = InterimAnswer{status, fields_of(answer.head)};
      co_await onward->write(std::move(piece));
    }
    buffer_.consume(answer.size);
  }
  if (answer.head.status == 304 && !is_conditional(request))
    co_return error_of(ErrorCode::upstream_invalid_response, "304 to a request without conditions");
  UpstreamResponse response;
  response.status = answer.head.status;
  response.fields = fields_of(answer.head);
  make_local(response.fields, settings.url);
  remove_browser_fields(response.fields);
  bool keep_alive = http::keeps_alive(answer.head.fields, answer.head.http11);
  buffer_.consume(answer.size);  // the views into the head end here

  deadline_.expires_after(settings.body_timeout);
  http::ContentDecoder content(answer.framing);
  keep_alive = keep_alive && !content.ends_with_connection();
  const bool streamed = onward != nullptr && !content.done() &&
                        is_to_be_streamed(response.status, answer.framing, settings.max_response);
  if (streamed) {
    const Result<void> passed = co_await pass_on(stream, content, answer.framing, *onward, response);
    if (!passed) co_return passed.error();
  } else {
    const Result<void> read = co_await read_content(stream, content, answer.framing, response.body);
    if (!read) co_return read.error();
  }
  deadline_.clear();
  const bool surplus = more_than_the_answer();
  response.surplus = surplus && response.fields.contains("Content-Length");
  reusable_ = keep_alive && !surplus;
  co_return response;
}

/// Reads bytes until a whole head is in the buffer.
/// @param first  nothing of an answer to this request has come before
template <class Stream>
asio::awaitable<Result<void>> Connection::read_head(Stream& stream, AnswerHeadRead& answer, bool first) {
  const http::HeadLimits limits{.max_bytes = max_head};
  http::HeadScan scan(http::HeadKind::response, limits);
  while (true) {
    const auto scanned = scan.scan(received());
    if (!scanned) co_return invalid_head(scanned.error());
    if (const auto size = *scanned) {
      answer.size = *size;
      const auto read = http::read_response_head(received().substr(0, *size), answer.head, limits);
      if (!read) co_return invalid_head(read.error());
      co_return Result<void>();
    }
    const auto [error, read] = co_await stream.async_read_some(buffer_.prepare(piece_size), as_result);
    buffer_.commit(read);
    if (!error) continue;
    if (deadline_.expired()) co_return failure(error, "waiting for the answer");
    if (buffer_.size() > 0 || !first)
      co_return error_of(ErrorCode::upstream_invalid_response, "the answer's head: " + cause(error),
                         is_cut_off(error));
    co_return error_of(ErrorCode::upstream_unreachable, "the connection was closed without an answer",
                       used_before());
  }
}

/// Decodes what has come of the content into `piece`, after waiting for some if there is nothing.
/// @return nothing where the connection's end was the content's end
template <class Stream>
asio::awaitable<Result<void>> Connection::next_content(Stream& stream, http::ContentDecoder& content,
                                                       bool& ended, std::string& piece) {
  if (buffer_.size() == 0) {
    const auto [error, read] = co_await stream.async_read_some(buffer_.prepare(piece_size), as_result);
    buffer_.commit(read);
    if (error && read == 0) {
      // Over TLS an end without its notice may be somebody else's doing (RFC 9112, section 9.8).
      ended = content.ends_with_connection() && error == asio::error::eof;
      if (!ended) co_return content_failure(error);
      co_return Result<void>();
    }
  }
  const auto step = content.next(received());
  if (!step)
    co_return error_of(ErrorCode::upstream_invalid_response, "the answer's content: " + step.error().context);
  piece.append(step->content);
  buffer_.consume(step->consumed);
  ended = content.done();
  co_return Result<void>();
}

template <class Stream>
asio::awaitable<Result<void>> Connection::read_content(Stream& stream, http::ContentDecoder& content,
                                                       const http::Framing& framing, std::string& body) {
  const std::uint64_t max = origin_.settings.max_response;
  if (framing.kind == http::Framing::Kind::length && framing.length > max) co_return too_large();
  if (framing.kind == http::Framing::Kind::length) body.reserve(framing.length);
  for (bool ended = content.done(); !ended;) {
    const Result<void> next = co_await next_content(stream, content, ended, body);
    if (!next) co_return next;
    if (body.size() > max) co_return too_large();
  }
  co_return Result<void>();
}

/// Whether the upstream has gone on behind its answer. What comes encrypted need not be content: it may be
/// the notice that the upstream closes, or a session ticket.
bool Connection::more_than_the_answer() {
  if (buffer_.size() > 0) return true;
  if (!tls_) {
    boost::system::error_code ignored;
    return socket().available(ignored) > 0;
  }
  char byte = 0;
  ERR_clear_error();
  const bool content = SSL_peek(tls_->native_handle(), &byte, 1) > 0;
  ERR_clear_error();
  return content;
}

/// Reads the content and passes it on as it comes; keeps it too while it is no larger than max_response. Goes
/// on reading where nobody listens any more, as long as what is kept may still be of use.
template <class Stream>
asio::awaitable<Result<void>> Connection::pass_on(Stream& stream, http::ContentDecoder& content,
                                                  const http::Framing& framing, AnswerStream& onward,
                                                  UpstreamResponse& response) {
  const config::Upstream& settings = origin_.settings;
  const std::optional<std::uint64_t> length =
      framing.kind == http::Framing::Kind::length ? std::optional(framing.length) : std::nullopt;
  bool heard = true;
  bool was_heard = true;
  for (bool ended = content.done(); !ended;) {
    std::string piece;
    if (heard) deadline_.expires_after(settings.body_timeout);
    const Result<void> next = co_await next_content(stream, content, ended, piece);
    if (!next) co_return next;
    if (heard) deadline_.clear();  // what a slow client costs is not the upstream's fault
    if (!piece.empty())
      response.too_large = response.too_large || response.body.size() + piece.size() > settings.max_response;
    if (response.too_large) {
      response.body = std::string();
    } else {
      response.body.append(piece);
    }
    if (!response.streamed) {
      // A short one that is there already needs no pieces.
      if (ended && !response.too_large) break;
      AnswerHead head{response.status, response.fields, length};
      AnswerStream::Piece begin = std::move(head);
      heard = co_await onward.write(std::move(begin));
      response.streamed = true;
      if (onward.keep() == AnswerStream::Keep::nothing) response.too_large = true;
    }
    if (heard && !piece.empty()) {
      AnswerStream::Piece next_piece = std::move(piece);
      heard = co_await onward.write(std::move(next_piece));
    }
    if (heard) continue;
    if (response.too_large) co_return error_of(ErrorCode::internal, "nobody waits for the answer any more");
    // What is to be kept is worth one body_timeout more, for all the rest.
    if (std::exchange(was_heard, false)) deadline_.expires_after(settings.body_timeout);
  }
  co_return Result<void>();
}

std::string_view Connection::received() const {
  const auto data = buffer_.data();
  return {static_cast<const char*>(data.data()), data.size()};
}

Error Connection::too_large() const {
  return error_of(ErrorCode::upstream_invalid_response,
                  fmt::format("the answer is larger than upstream.max_response = {} bytes",
                              origin_.settings.max_response));
}

Error Connection::content_failure(const boost::system::error_code& error) const {
  if (deadline_.expired()) return failure(error, "reading the answer");
  return error_of(ErrorCode::upstream_invalid_response, "the answer's content: " + cause(error),
                  is_cut_off(error));
}

}  // namespace roktcached::upstream
