#include "server/fleet/engine_connection.h"

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/write.hpp>
#include <stdexcept>
#include <utility>

#include "server/asio.h"
#include "server/background.h"
#include "server/net/tls_context.h"

namespace roktcached::fleet {

namespace ssl = asio::ssl;
using Kind = config::EngineUrl::Kind;

namespace {

constexpr std::size_t read_size = std::size_t{64} << 10;
/// The most bytes of commands that the engine has not taken yet. Further ones are refused.
constexpr std::size_t most_unsent = std::size_t{16} << 20;

std::shared_ptr<ssl::context> make_tls(const config::Fleet& settings) {
  if (!settings.url || settings.url->kind != Kind::tls) return nullptr;
  auto made = net::make_client_tls_context({settings.ca_file, settings.certificate_file, settings.key_file},
                                           net::PrivateKey::read, "fleet");
  if (!made) throw std::runtime_error(made.error().context);
  return std::move(*made);
}

}  // namespace

EngineAddress::EngineAddress(config::Fleet fleet_settings)
    : settings(std::move(fleet_settings)),
      text(settings.url ? config::to_string(*settings.url) : std::string()),
      tls(make_tls(settings)) {}

EngineConnection::EngineConnection(asio::any_io_executor executor, EngineAddress& address,
                                   std::size_t max_reply, const Clock& clock)
    : executor_(std::move(executor)),
      address_(address),
      clock_(clock),
      replies_(max_reply),
      socket_(executor_) {}

asio::awaitable<Result<void>> EngineConnection::open(SteadyTime due) {
  const auto self = shared_from_this();
  // All waits of connecting end with the socket.
  asio::steady_timer deadline(executor_, due);
  deadline.async_wait([self](const boost::system::error_code& error) {
    if (!error) self->close("it does not answer in time");
  });
  auto connected = co_await connect();
  if (connected) {
    open_ = true;
    asio::co_spawn(
        executor_, [self] { return self->read_all(); }, logging_failure("reading from the engine"));
    connected = co_await log_in(due);
  }
  deadline.cancel();
  if (connected && !open_) connected = engine_unavailable(why_closed_);
  if (!connected) close(connected.error().context);
  co_return connected;
}

asio::awaitable<Result<void>> EngineConnection::connect() {
  const config::EngineUrl& url = *address_.settings.url;
  boost::system::error_code error;
  if (url.kind == Kind::unix_socket) {
    const asio::local::stream_protocol::endpoint there(url.path);
    std::tie(error) = co_await socket_.async_connect(there, as_result);
    if (error) co_return engine_unavailable(error.message());
    co_return Result<void>();
  }
  asio::ip::tcp::resolver resolver(executor_);
  const auto [unresolved, found] =
      co_await resolver.async_resolve(url.host, std::to_string(url.port), as_result);
  if (unresolved) co_return engine_unavailable(unresolved.message());
  error = asio::error::host_not_found;
  for (const auto& candidate : found) {
    if (url.kind == Kind::tcp && !candidate.endpoint().address().is_loopback())
      co_return Error{ErrorCode::configuration, false,
                      "the engine's address is not a loopback address: use rediss://"};
    if (socket_.is_open()) socket_.close();
    std::tie(error) = co_await socket_.async_connect(candidate.endpoint(), as_result);
    if (!error) break;
  }
  if (error) co_return engine_unavailable(error.message());
  socket_.set_option(asio::ip::tcp::no_delay(true), error);
  socket_.set_option(asio::socket_base::keep_alive(true), error);
  if (!address_.tls) co_return Result<void>();
  tls_.emplace(socket_, *address_.tls);
  // SSL_set_tlsext_host_name() as a function: it is a macro with a cast.
  SSL_ctrl(tls_->native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
           const_cast<char*>(url.host.c_str()));
  tls_->set_verify_callback(ssl::host_name_verification(url.host));
  std::tie(error) = co_await tls_->async_handshake(ssl::stream_base::client, as_result);
  if (error) co_return engine_unavailable("TLS: " + error.message());
  co_return Result<void>();
}

/// The engine's own words for what it refuses are safe to repeat: it does not repeat a password.
asio::awaitable<Result<void>> EngineConnection::log_in(SteadyTime due) {
  const config::Fleet& settings = address_.settings;
  if (!settings.password.empty()) {
    std::vector<std::string_view> words{"AUTH"};
    if (!settings.username.empty()) words.emplace_back(settings.username);
    words.emplace_back(settings.password.reveal());
    const auto reply = co_await call(engine_command(words), due);
    if (!reply) co_return reply.error();
    if (reply->kind == EngineReply::Kind::error)
      co_return engine_unavailable("it refuses to log in: " + reply->text);
  }
  std::string naming = engine_command({"CLIENT", "SETNAME", "roktcached"});
  const auto named = co_await call(std::move(naming), due);
  if (!named) co_return named.error();
  if (named->kind == EngineReply::Kind::error) co_return engine_unavailable(named->text);
  co_return Result<void>();
}

asio::awaitable<Result<EngineReply>> EngineConnection::call(std::string command, SteadyTime due) {
  if (!open_) co_return engine_unavailable(why_closed_);
  if (to_send_.size() > most_unsent) co_return engine_unavailable("it takes no commands");
  const auto self = shared_from_this();
  const auto mine = std::make_shared<Waiting>(executor_);
  // If memory fails, nothing has changed: a command without its waiter would shift all replies.
  to_send_.reserve(to_send_.size() + command.size());
  waiting_.push_back(mine);
  to_send_ += command;
  if (!std::exchange(writing_, true))
    asio::co_spawn(
        executor_, [self] { return self->write_all(); }, logging_failure("writing to the engine"));
  mine->timer.expires_at(due);
  while (!mine->reply && clock_.steady_now() < due) {
    co_await mine->timer.async_wait(as_result);
  }
  if (mine->reply) co_return std::move(*mine->reply);
  co_return Error{ErrorCode::upstream_timeout, true, "the engine does not answer in time"};
}

asio::awaitable<void> EngineConnection::write_all() {
  while (open_ && !to_send_.empty()) {
    const std::string sending = std::exchange(to_send_, {});
    boost::system::error_code error;
    if (tls_) {
      std::tie(error, std::ignore) = co_await asio::async_write(*tls_, asio::buffer(sending), as_result);
    } else {
      std::tie(error, std::ignore) = co_await asio::async_write(socket_, asio::buffer(sending), as_result);
    }
    if (error) close("the connection to the engine is lost: " + error.message());
  }
  writing_ = false;
}

asio::awaitable<void> EngineConnection::read_all() {
  std::vector<char> buffer(read_size);
  while (open_) {
    boost::system::error_code error;
    std::size_t size = 0;
    if (tls_) {
      std::tie(error, size) = co_await tls_->async_read_some(asio::buffer(buffer), as_result);
    } else {
      std::tie(error, size) = co_await socket_.async_read_some(asio::buffer(buffer), as_result);
    }
    if (error) co_return close("the connection to the engine is lost: " + error.message());
    const auto fed = replies_.feed({buffer.data(), size});
    if (!fed) co_return close(fed.error().context);
    take_replies();
  }
}

void EngineConnection::take_replies() {
  while (open_) {
    auto reply = replies_.next();
    if (!reply) return close(reply.error().context);
    if (!*reply) return;
    if (waiting_.empty()) return close("the engine has answered what nobody has asked");
    const auto first = std::move(waiting_.front());
    waiting_.pop_front();
    first->reply = std::move(**reply);
    first->timer.cancel();
  }
}

void EngineConnection::close(std::string why) {
  boost::system::error_code ignored;
  socket_.close(ignored);
  if (std::exchange(open_, false) || why_closed_.empty()) why_closed_ = std::move(why);
  for (const auto& waiter : std::exchange(waiting_, {})) {
    waiter->reply = engine_unavailable(why_closed_);
    waiter->timer.cancel();
  }
}

}  // namespace roktcached::fleet
