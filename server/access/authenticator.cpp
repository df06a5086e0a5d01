#include "server/access/authenticator.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/http/target.h"
#include "server/access/caller.h"
#include "server/access/client_certificate.h"
#include "server/access/token_request.h"
#include "server/http/problem.h"

namespace roktcached::access {

namespace {

constexpr std::string_view token_route = "token";

AccessDecision answered(http::Answer answer) {
  return {AccessDecision::Kind::answered, std::move(answer)};
}

/// The new places of the clients that have kept their names; empty for the others.
std::vector<std::optional<std::size_t>> new_places(const std::vector<config::Client>& before,
                                                   const std::vector<config::Client>& now) {
  std::vector<std::optional<std::size_t>> places;
  for (const config::Client& client : before) {
    const auto found = std::ranges::find(now, client.name, &config::Client::name);
    const auto place = static_cast<std::size_t>(found - now.begin());
    places.push_back(found == now.end() ? std::nullopt : std::optional(place));
  }
  return places;
}

}  // namespace

ClientRegistry::ClientRegistry(std::vector<config::Client> of, const config::Secret& token_key,
                               ClientRegistry* before, SteadyTime now)
    : clients(std::move(of)),
      tokens(token_key, clients),
      verifier(clients, tokens, before != nullptr ? &before->verifier : nullptr),
      rate(clients) {
  if (before == nullptr) return;
  const auto places = new_places(before->clients, clients);
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (!places[i]) continue;
    rate.go_on_from(*places[i], before->rate, i, now);
    const bool same_secret = before->clients[i].secret_hash == clients[*places[i]].secret_hash;
    if (same_secret) verifier.take_over(*places[i], before->verifier, i);
  }
}

std::optional<std::size_t> Authenticator::client_of(X509* certificate) const {
  return client_of_certificate(certificate, registry_.clients);
}

AccessDecision Authenticator::recall(http::Request& request, std::optional<std::size_t> certified) {
  const auto shown = present(request.fields, request.api_key);
  if (!shown) return answered(problem(shown.error(), request.id));
  if (is_token_request(request)) return {AccessDecision::Kind::unknown};
  if (shown->shows_nothing()) return admit(request, *shown, AuthenticationResult{certified});
  const auto result = cache_.recall(*shown, clock_.wall_now());
  if (!result) return {AccessDecision::Kind::unknown};
  return admit(request, *shown, *result);
}

asio::awaitable<AccessDecision> Authenticator::verify(http::Request& request,
                                                      std::optional<std::size_t> certified) {
  if (is_token_request(request)) {
    http::Answer answer = co_await answer_token_request(request, certified);
    answer.notes.route = token_route;
    explicit_bzero(request.body.data(), request.body.size());  // client_secret may stand there
    co_return answered(std::move(answer));
  }
  const auto shown = present(request.fields, request.api_key);
  const auto result = co_await cache_.verify(*shown, clock_.wall_now());
  if (!result) co_return answered(problem(result.error(), request.id));
  co_return admit(request, *shown, *result);
}

AccessDecision Authenticator::admit(http::Request& request, const Presented& shown,
                                    AuthenticationResult result) {
  if (result.is_nobody()) return answered(problem(unauthenticated(shown), request.id));
  const config::Client& client = registry_.clients[*result.client];
  request.client = client.name;
  request.rules = &client;
  if (shows_local_secret(request)) request.fields.remove("Authorization");
  if (auto refusal = over_rate(*result.client, request)) return answered(std::move(*refusal));
  return {};
}

/// Whether Authorization holds what a client shows to us: it is not for the upstream, also where an API key
/// counted. Anything else may be the client's own credential for the upstream.
bool Authenticator::shows_local_secret(const http::Request& request) const {
  const auto authorization = request.fields.find("Authorization");
  if (!authorization) return false;
  if (request.fields.count("Authorization") > 1) return true;
  const Presented shown = read_authorization(*authorization);
  if (shown.kind != Presented::Kind::basic) return shown.kind == Presented::Kind::local_token;
  const bool counted = !request.api_key && !request.fields.contains("X-API-Key");
  return counted || std::ranges::find(registry_.clients, basic_id(*authorization), &config::Client::name) !=
                        registry_.clients.end();
}

std::optional<http::Answer> Authenticator::over_rate(std::size_t client, const http::Request& request) {
  const auto wait = registry_.rate.take(client, clock_.steady_now());
  if (!wait) return std::nullopt;
  const Error error{ErrorCode::client_quota_exceeded, true,
                    fmt::format("client {} may send {} requests a second", registry_.clients[client].name,
                                registry_.clients[client].requests_per_second)};
  return problem(error, request.id, *wait);
}

asio::awaitable<http::Answer> Authenticator::answer_token_request(http::Request& request,
                                                                  std::optional<std::size_t> certified) {
  const auto asked = read_token_request(request.body, *present(request.fields, request.api_key));
  if (const auto* refused = std::get_if<TokenRefusal>(&asked)) co_return token_refused(*refused);
  const auto& token_request = std::get<TokenRequest>(asked);
  const Presented shown = token_request.shown();
  Result<AuthenticationResult> result = AuthenticationResult{certified};
  if (!shown.shows_nothing()) result = co_await cache_.verify(shown, clock_.wall_now());
  const auto is_nobodys = [&] { return !result && result.error().code == ErrorCode::unauthenticated; };
  const auto form_decoded = token_request.form_decoded();
  if (form_decoded && is_nobodys()) result = co_await cache_.verify(*form_decoded, clock_.wall_now());
  if (!result && !is_nobodys()) co_return problem(result.error(), request.id);
  if (!result || result->is_nobody()) co_return token_refused(invalid_client());
  request.client = registry_.clients[*result->client].name;
  if (auto refusal = over_rate(*result->client, request)) co_return std::move(*refusal);
  co_return token_granted(registry_.tokens.issue(*result->client, clock_.wall_now()));
}

}  // namespace roktcached::access
