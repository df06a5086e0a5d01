#include "server/upstream/wire/origin.h"

#include <openssl/ssl.h>

#include <stdexcept>

#include "server/asio.h"
#include "server/net/tls_context.h"

namespace roktcached::upstream {

namespace ssl = asio::ssl;

namespace {

constexpr std::chrono::hours certificate_trusted_for{1};

/// The index at which a context keeps its TlsSessions; Asio uses the application data itself.
int sessions_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

Result<std::shared_ptr<ssl::context>> make_tls(const config::Upstream& settings) {
  if (!settings.url.tls) return std::shared_ptr<ssl::context>();
  return net::make_client_tls_context({.ca_file = settings.ca_file, .certificate_file = {}, .key_file = {}},
                                      net::PrivateKey::skip, "upstream");
}

const config::Url& connected_to(const config::Upstream& settings) {
  return settings.proxy ? *settings.proxy : settings.url;
}

}  // namespace

Result<void> check_ca_file(const config::Upstream& settings) {
  const auto made = make_tls(settings);
  return made ? Result<void>() : Result<void>(made.error());
}

void TlsSessions::collect_from(ssl::context& context) {
  SSL_CTX* const handle = context.native_handle();
  SSL_CTX_set_ex_data(handle, sessions_index(), this);
  SSL_CTX_set_session_cache_mode(handle, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(handle, &TlsSessions::collect);
}

/// Called by OpenSSL: in TLS 1.2 at the end of a handshake, in TLS 1.3 for every ticket that comes.
/// @return 1: the session is ours now
int TlsSessions::collect(SSL* connection, SSL_SESSION* session) {
  auto* const self =
      static_cast<TlsSessions*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(connection), sessions_index()));
  self->latest_.reset(session);
  if (SSL_session_reused(connection) == 0) self->verified_at_ = std::chrono::steady_clock::now();
  return 1;
}

void TlsSessions::offer_to(SSL* connection, SteadyTime now) {
  if (now - verified_at_ > certificate_trusted_for) latest_.reset();
  if (latest_) SSL_set_session(connection, latest_.get());
}

void TlsSessions::keep_session_of(SSL* connection) {
  SSL_set_shutdown(connection, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

Origin::Origin(const asio::any_io_executor& executor, const config::Upstream& upstream_settings,
               storage::BodyAccount* body_account)
    : settings(upstream_settings),
      bodies(body_account),
      resolver(executor, connected_to(upstream_settings).host, connected_to(upstream_settings).port),
      host_field(upstream_settings.url.host),
      authority(upstream_settings.url.host + ":" + std::to_string(upstream_settings.url.port)) {
  const std::uint16_t usual = settings.url.tls ? 443 : 80;
  if (settings.url.port != usual) host_field = authority;
  host_line = "Host: " + host_field + "\r\n";
  auto made = make_tls(settings);
  if (!made) throw std::runtime_error(made.error().context);
  tls = std::move(*made);
  if (tls) sessions.collect_from(*tls);
}

}  // namespace roktcached::upstream
