#include "server/upstream/token/token_endpoint.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include "core/base64.h"
#include "core/http/date.h"
#include "core/http/forwarding.h"
#include "server/asio.h"
#include "server/http/own_pseudonym.h"
#include "server/log_event.h"
#include "server/upstream/token/oauth_error.h"
#include "server/upstream/wire/wire_request.h"
#include "server/worker_pool.h"

namespace roktcached::upstream {

namespace {

void say_new_secret(const std::string& credential) {
  log_event(spdlog::level::info, "app-secret-changed", "token: credential {} has a new app secret",
            credential)
      .with("credential", credential)
      .log();
}

/// RFC 6749, section 2.3.1.
config::Secret basic_pair(const config::Credential& credential) {
  std::string pair = credential.app_id.reveal() + ":" + credential.app_secret.reveal();
  config::Secret encoded(to_base64(pair));
  OPENSSL_cleanse(pair.data(), pair.size());
  return encoded;
}

}  // namespace

TokenEndpoint::TokenEndpoint(asio::any_io_executor executor, asio::any_io_executor helpers, Origin& origin,
                             config::Credential credential, SecretSource secrets, const Clock& clock)
    : executor_(std::move(executor)),
      helpers_(std::move(helpers)),
      origin_(origin),
      credential_(std::move(credential)),
      secrets_(std::move(secrets)),
      clock_(clock) {}

WireRequest TokenEndpoint::make_request() const {
  WireRequest request("POST", origin_.settings.url.base_path, "/auth/oauth2/token");
  request.add("Host", origin_.host_field);
  request.add("Content-Type", "application/x-www-form-urlencoded");
  request.add("Accept", "application/json");
  request.add("Connection", "close");
  // Where upstream.url leads back here, we are not to give ourselves a token.
  request.add("Via", http::via_with("", "1.1", own_pseudonym()));
  request.set_content("grant_type=client_credentials");
  return request;
}

asio::awaitable<bool> TokenEndpoint::take_new_secret() {
  if (!secrets_) co_return false;
  std::optional<Result<config::Credential>> source;
  const SecretSource secrets = secrets_;
  const unsigned sources_before = sources_taken_;
  const auto read_them = [&] { source.emplace(secrets()); };
  co_await run_on(helpers_, read_them);
  const Result<config::Credential>& read = *source;
  if (sources_taken_ != sources_before) co_return false;  // what was read is older than what is in use
  if (!read) {
    log_event(spdlog::level::warn, "credential-unreadable", "token: credential {}: {}", credential_.name,
              read.error().context)
        .with("credential", credential_.name)
        .log();
  } else if (read->app_id.reveal() != credential_.app_id.reveal()) {
    log_event(spdlog::level::err, "app-id-changed",
              "token: credential {} has another app id now; restart to change over to it", credential_.name)
        .with("credential", credential_.name)
        .log();
  } else if (read->app_secret.reveal() != credential_.app_secret.reveal()) {
    credential_.app_secret = read->app_secret;
    ++secrets_taken_;
    say_new_secret(credential_.name);
    co_return true;
  }
  co_return false;
}

bool TokenEndpoint::take(config::Credential credential, SecretSource secrets) {
  const bool is_new = credential.app_secret.reveal() != credential_.app_secret.reveal();
  credential_ = std::move(credential);
  secrets_ = std::move(secrets);
  ++sources_taken_;
  if (!is_new) return false;
  ++secrets_taken_;
  say_new_secret(credential_.name);
  return true;
}

asio::awaitable<Result<UpstreamResponse>> TokenEndpoint::ask() {
  Result<std::unique_ptr<UpstreamConnection>> connection =
      co_await UpstreamConnection::open(executor_, origin_);
  if (!connection) co_return connection.error();
  WireRequest request = make_request();
  const config::Secret pair = basic_pair(credential_);
  const ShownCredential shown(request, "Basic", pair.reveal());
  co_return co_await (*connection)->exchange(request);
}

/// Why there is no token in an answer other than 200.
TokenFailure TokenEndpoint::refusal_in(const UpstreamResponse& response) const {
  const OAuthError why = read_oauth_error(response.body, credential_);
  std::string context = fmt::format("the token endpoint answered {}", response.status);
  if (const std::string text = to_string(why); !text.empty()) context.append(": ").append(text);
  TokenFailure failure;
  failure.error = {ErrorCode::upstream_invalid_response, true, std::move(context), ErrorSource::upstream};
  failure.credential_refused = why.is_about_client();
  if (response.status == 429 || response.status == 503)
    failure.retry_after = http::retry_after_of(response.fields, clock_.wall_now());
  return failure;
}

asio::awaitable<FetchedToken> TokenEndpoint::fetch() {
  const unsigned secrets_before = secrets_taken_;
  SteadyTime sent_at = clock_.steady_now();
  WallTime sent_at_wall = clock_.wall_now();
  Result<UpstreamResponse> response = co_await ask();
  const bool refused =
      response && (response->status == 400 || response->status == 401 || response->status == 403);
  // A hangup may have brought another secret while the old one was under way.
  if (refused && secrets_taken_ == secrets_before) co_await take_new_secret();
  if (refused && secrets_taken_ != secrets_before) {
    sent_at = clock_.steady_now();
    sent_at_wall = clock_.wall_now();
    response = co_await ask();
  }
  if (!response) co_return TokenFailure{response.error(), std::nullopt, false};
  if (response->status != 200) co_return refusal_in(*response);
  const Result<TokenPtr> token = parse_token(response->body, sent_at, sent_at_wall);
  OPENSSL_cleanse(response->body.data(), response->body.size());
  if (!token) co_return TokenFailure{token.error(), std::nullopt, false};
  co_return *token;
}

}  // namespace roktcached::upstream
