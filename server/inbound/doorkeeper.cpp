#include "server/inbound/doorkeeper.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "server/inbound/clients/client_certificate.h"
#include "server/inbound/clients/token_request.h"
#include "server/problem.h"

namespace roktcached::inbound {

namespace {

constexpr std::string_view token_path = "/auth/oauth2/token";
constexpr std::string_view token_route = "token";

bool is_token_request(const Request& request) {
  const std::string_view target = request.target;
  return request.method == "POST" && target.substr(0, target.find('?')) == token_path;
}

Admission answered(Answer answer) {
  return {Admission::Kind::answered, std::move(answer)};
}

/// What a client shows to us is not for the upstream.
void forget_what_was_shown(Request& request, Presented::Kind kind) {
  if (kind == Presented::Kind::basic || kind == Presented::Kind::local_token)
    request.fields.remove("Authorization");
}

}  // namespace

std::optional<std::size_t> Doorkeeper::client_of(X509* certificate) const {
  return client_of_certificate(certificate, book_.clients);
}

Admission Doorkeeper::recall(Request& request, std::optional<std::size_t> certified) {
  const auto shown = present(request.fields, request.api_key);
  if (!shown) return answered(problem(shown.error(), request.id));
  if (is_token_request(request)) return {Admission::Kind::unknown};
  if (shown->shows_nothing()) return admit(request, Verdict{certified});
  const auto verdict = gate_.recall(*shown, clock_.wall_now());
  if (!verdict) return {Admission::Kind::unknown};
  forget_what_was_shown(request, shown->kind);
  return admit(request, *verdict);
}

asio::awaitable<Admission> Doorkeeper::verify(Request& request, std::optional<std::size_t> certified) {
  if (is_token_request(request)) {
    Answer answer = co_await answer_token_request(request, certified);
    answer.notes.route = token_route;
    explicit_bzero(request.body.data(), request.body.size());  // client_secret may stand there
    co_return answered(std::move(answer));
  }
  const auto shown = present(request.fields, request.api_key);
  const auto verdict = co_await gate_.verify(*shown, clock_.wall_now());
  if (!verdict) co_return answered(problem(verdict.error(), request.id));
  forget_what_was_shown(request, shown->kind);
  co_return admit(request, *verdict);
}

Admission Doorkeeper::admit(Request& request, Verdict verdict) {
  if (verdict.is_nobody()) return answered(problem(unauthenticated(), request.id));
  const config::Client& client = book_.clients[*verdict.client];
  request.client = client.name;
  request.rules = &client;
  if (auto refusal = over_rate(*verdict.client, request)) return answered(std::move(*refusal));
  return {};
}

std::optional<Answer> Doorkeeper::over_rate(std::size_t client, const Request& request) {
  const auto wait = book_.rate.take(client, clock_.steady_now());
  if (!wait) return std::nullopt;
  const Error error{ErrorCode::client_quota_exceeded, ErrorSource::inbound, true,
                    fmt::format("client {} may send {} requests a second", book_.clients[client].name,
                                book_.clients[client].requests_per_second)};
  return problem(error, request.id, *wait);
}

asio::awaitable<Answer> Doorkeeper::answer_token_request(Request& request,
                                                         std::optional<std::size_t> certified) {
  const auto asked = read_token_request(request.body, *present(request.fields, request.api_key));
  if (const auto* refused = std::get_if<TokenRefusal>(&asked)) co_return token_refused(*refused);
  const Presented shown = std::get<TokenRequest>(asked).shown();
  Result<Verdict> verdict = Verdict{certified};
  if (!shown.shows_nothing()) verdict = co_await gate_.verify(shown, clock_.wall_now());
  if (!verdict && verdict.error().code != ErrorCode::unauthenticated)
    co_return problem(verdict.error(), request.id);
  if (!verdict || verdict->is_nobody()) co_return token_refused(invalid_client());
  request.client = book_.clients[*verdict->client].name;
  if (auto refusal = over_rate(*verdict->client, request)) co_return std::move(*refusal);
  co_return token_granted(book_.tokens.issue(*verdict->client, clock_.wall_now()));
}

}  // namespace roktcached::inbound
