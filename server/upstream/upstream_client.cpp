#include "server/upstream/upstream_client.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "core/http/date.h"
#include "server/asio.h"
#include "server/background.h"
#include "server/log_event.h"
#include "server/upstream/wire/exchange_failure.h"
#include "server/upstream/wire/open_content.h"
#include "server/upstream/wire/wire_request.h"

namespace roktcached::upstream {

namespace {

bool is_refusal(unsigned status) {
  return status == 400 || status == 401 || status == 403;
}

/// 401 and 403 always may; a 400 only while the token has not proved itself lately.
bool may_mean_dead_token(unsigned status, const UpstreamRequest& request, const TokenKeeper& keeper,
                         const TokenPtr& token) {
  if (status == 401 || status == 403) return true;
  return status == 400 && (request.has_worked || !keeper.recently_accepted(token));
}

AttemptFailure kind_of(const Error& error) {
  if (error.code == ErrorCode::upstream_timeout) return AttemptFailure::timed_out;
  if (error.code == ErrorCode::upstream_unreachable) return AttemptFailure::not_connected;
  return error.retryable ? AttemptFailure::cut_off : AttemptFailure::invalid_answer;
}

/// Failures of ours, which say nothing about the upstream and are no better for being repeated at once.
bool is_of_the_proxy(const Error& error) {
  return error.code != ErrorCode::upstream_unreachable && error.code != ErrorCode::upstream_timeout &&
         error.code != ErrorCode::upstream_invalid_response;
}

/// For the counters, as the access log has it: nobody waited for the end of the attempt.
constexpr unsigned client_closed_request = 499;

UpstreamFailure gone() {
  return {nobody_waits(), std::nullopt};
}

bool is_gone(const UpstreamResult& result) {
  return !result && result.error().error.code == ErrorCode::client_gone;
}

UpstreamResult made_of(Result<UpstreamResponse>& response, WallTime sent_at) {
  if (response) {
    response->sent_at = sent_at;
    return std::move(*response);
  }
  UpstreamFailure failure{response.error(), std::nullopt};
  if (response.error().code == ErrorCode::overloaded) failure.retry_after = std::chrono::seconds{1};
  return failure;
}

}  // namespace

/// One request with all its attempts.
struct UpstreamClient::UpstreamCall {
  const UpstreamRequest& request;
  WireRequest wire;
  CredentialChannel* channel;  // null if it goes without a token, and so without a budget
  Turn& turn;
  bool asked_for_gzip;  // on our own account: clients are to know nothing of it
  SteadyTime now;       // when something of it was done last
  unsigned attempts = 1;
  counters::Reason reason = counters::Reason::miss;  // of the attempt at hand
  bool sent = false;                                 // so is that one
};

UpstreamClient::UpstreamClient(asio::any_io_executor executor, asio::any_io_executor helpers,
                               const asio::any_io_executor& files, config::Upstream settings,
                               const std::vector<config::Credential>& credentials,
                               std::function<Result<config::Credential>(const config::Credential&)> secrets,
                               const Clock& clock, storage::BodyAccount* bodies,
                               const std::vector<SharedCredential>& shared)
    : executor_(executor),
      helpers_(std::move(helpers)),
      settings_(std::move(settings)),
      secrets_(std::move(secrets)),
      clock_(clock),
      origin_(executor, settings_, bodies),
      pool_(executor, origin_),
      pauses_(executor) {
  for (const config::Credential& credential : credentials)
    channels_.push_back(
        std::make_unique<CredentialChannel>(executor, files, origin_, credential, source_of(credential),
                                            clock, shared.empty() ? nullptr : &shared.at(channels_.size())));
}

SecretSource UpstreamClient::source_of(const config::Credential& credential) const {
  if (!secrets_) return nullptr;
  return [secrets = secrets_, credential] { return secrets(credential); };
}

void UpstreamClient::start() {
  for (const auto& channel : channels_) channel->token.start();
}

void UpstreamClient::stop() {
  stopped_ = true;
  const UpstreamFailure failure{stopping(), std::nullopt};
  for (const auto& channel : channels_) {
    channel->token.stop();
    channel->admission.give_up(failure);
  }
  pauses_.wake();
  pool_.stop();
}

void UpstreamClient::change(config::Upstream settings, const std::vector<config::Credential>& credentials) {
  settings_ = std::move(settings);
  pool_.grant_slots();
  for (std::size_t i = 0; i < channels_.size(); ++i) {
    const config::Credential& credential = credentials.at(i);
    CredentialChannel& channel = *channels_[i];
    channel.max_wait = credential.budget.max_queue_wait;
    channel.admission.change(credential.budget);
    const bool taken = channel.endpoint.take(credential, source_of(credential));
    // A refused credential may be accepted now: the operator who reloads may have mended the other side.
    if (!stopped_ && (taken || channel.token.refused())) channel.token.fetch_again();
  }
}

asio::awaitable<UpstreamResult> UpstreamClient::send(const UpstreamRequest& request) {
  CredentialChannel* const channel = request.inject_token ? channels_.at(request.credential).get() : nullptr;
  const auto patience = channel != nullptr ? channel->max_wait : settings_.budget.max_queue_wait;
  const std::shared_ptr<Turn> turn = request.turn ? request.turn : std::make_shared<Turn>();
  const SteadyTime begun_at = clock_.steady_now();
  turn->begin({request.client, request.priority}, begun_at, patience);
  UpstreamCall call{.request = request,
                    .wire = wire_request(request, settings_.url.base_path, origin_.host_line),
                    .channel = channel,
                    .turn = *turn,
                    .asked_for_gzip = request.accept_gzip && !request.fields.contains("Accept-Encoding"),
                    .now = begun_at};
  retry_budget_.earn();
  for (;; call.now = clock_.steady_now()) {
    if (turn->unwanted()) co_return gone();
    TokenPtr token = channel != nullptr ? channel->token.at_hand(call.now) : nullptr;
    if (channel != nullptr && !token) {
      const auto fetched = co_await channel->token.get(*turn);
      if (!fetched) co_return fetched.error();
      token = *fetched;
      call.now = clock_.steady_now();
    }
    const counters::Reason reason = call.attempts > 1 ? counters::Reason::retry : request.reason;
    UpstreamResult result = co_await exchange(call, token, reason);
    if (token && result) {
      if (may_mean_dead_token(result->status, request, channel->token, token)) {
        co_await replay(call, token, result);
      } else if (!is_refusal(result->status)) {
        channel->token.accepted(token, call.now);
      }
    }
    // Another caller has joined just as the request was given up, unsent.
    if (is_gone(result) && !call.sent && !turn->unwanted()) continue;
    if (const auto delay = goes_again_after(call, result)) {
      const bool goes = co_await pause(*delay, *turn);
      if (goes) {
        ++retries_;
        continue;
      }
      retry_budget_.refund();
      if (turn->unwanted()) co_return gone();
    }
    if (result && result->surplus && request.exact_length) {
      co_return UpstreamFailure{{ErrorCode::upstream_invalid_response, false,
                                 "the answer is longer than its Content-Length", ErrorSource::upstream},
                                std::nullopt};
    }
    co_return result;
  }
}

/// Sends the request once more where the token may have been what was refused.
/// @param result  the refusal; then what came of the replay
asio::awaitable<void> UpstreamClient::replay(UpstreamCall& call, TokenPtr refused, UpstreamResult& result) {
  TokenKeeper& keeper = call.channel->token;
  if (call.turn.unwanted()) {
    result = gone();
    co_return;
  }
  const auto renewed = co_await keeper.renew(refused, call.turn);
  if (!renewed) {
    // If the same token has just been accepted for something else, a 403 is about what was asked for.
    const bool is_meant = result->status == 403 && keeper.recently_accepted(refused);
    if (!is_meant) result = renewed.error();
    co_return;
  }
  if (!*renewed) co_return;  // too young to be dead: the refusal is meant
  spdlog::debug("upstream answered {}: replaying once with a new token of credential {}", result->status,
                call.channel->name);
  call.now = clock_.steady_now();
  UpstreamResult second = co_await exchange(call, *renewed, counters::Reason::replay);
  if (second && !is_refusal(second->status)) keeper.accepted(*renewed, call.now);
  result = std::move(second);
}

/// Waits for its turn and sends the request. Whether the upstream is dead is asked first, so that nobody
/// waits for a dead one, and again when it is its turn.
asio::awaitable<UpstreamResult> UpstreamClient::exchange(UpstreamCall& call, const TokenPtr& token,
                                                         counters::Reason reason) {
  call.sent = false;
  SteadyTime sent_at = call.now;
  const std::string_view route = call.request.route;
  if (circuits_.retry_after(route, sent_at) > std::chrono::nanoseconds::zero())
    co_return circuit_is_open(route);
  Admission::Permit permit;
  if (call.channel != nullptr) {
    Admission& admission = call.channel->admission;
    if (auto at_once = admission.admit_now(call.turn, sent_at)) {
      permit = std::move(*at_once);
    } else {
      Admission::Admitted admitted = co_await admission.admit(call.turn, route);
      if (!admitted) co_return admitted.error();
      permit = std::move(*admitted);
      sent_at = call.now = clock_.steady_now();
    }
  }
  if (!circuits_.admit(route, sent_at)) co_return circuit_is_open(route);
  std::optional<ShownCredential> shown;
  if (token) shown.emplace(call.wire, "Bearer", token->value.reveal());
  const WallTime sent_at_wall = clock_.wall_now();
  call.reason = reason;
  call.turn.sets_out = [this, &call] {
    call.sent = true;
    requests_sent_.fetch_add(1, std::memory_order_relaxed);
    spending_.add(call.request.client, call.request.route, call.reason);
  };
  // Its place under max_concurrent is another's as soon as that one needs it.
  const Turn::Watch gives_way(call.channel != nullptr ? &call.turn : nullptr,
                              [channel = call.channel] { channel->admission.make_room(); });
  GrowingAnswer* const stream = call.request.stream.get();
  // A client that reads slowly must not keep others from their turn.
  const WhenBegun give_back(stream, [&permit] { permit = Admission::Permit(); });
  Result<UpstreamResponse> response = co_await pool_.exchange(
      call.wire, stream, call.request.takes_large ? LargeAnswer::hand_over : LargeAnswer::refuse, &call.turn);
  call.turn.sets_out = nullptr;
  const SteadyTime ended_at = call.now = clock_.steady_now();
  if (!response && is_of_the_proxy(response.error())) permit.cancel(call.sent);
  permit.give_back(ended_at);  // the upstream has no part in what follows
  const bool coded = response && call.asked_for_gzip && response->fields.contains("Content-Encoding");
  if (coded || (response && response->large))
    co_await open_content(response, coded, call.request.takes_large, settings_.max_response, helpers_,
                          call.turn);
  UpstreamResult result = made_of(response, sent_at_wall);
  const unsigned status = result ? result->status : is_gone(result) ? client_closed_request : 0;
  if (call.sent || !is_gone(result)) attempts_.add(call.request.route, status, reason, ended_at - sent_at);
  learn(call, result, sent_at, ended_at);
  co_return result;
}

/// Learns from the end of an attempt about the upstream's limit, and about its health.
void UpstreamClient::learn(UpstreamCall& call, const UpstreamResult& result, SteadyTime sent_at,
                           SteadyTime ended_at) {
  if (!result && is_of_the_proxy(result.error().error)) return;
  if (!result && is_loss_of_kept_connection(result.error().error)) return;
  if (result && call.channel != nullptr) {
    const bool limited = result->status == 429;
    call.channel->admission.on_answer(
        result->status, sent_at, ended_at,
        limited ? http::retry_after_of(result->fields, clock_.wall_now()) : std::nullopt);
  }
  // An answer that cannot be understood came from an upstream that lives; it says nothing else.
  if (!result && kind_of(result.error().error) == AttemptFailure::invalid_answer) return;
  const std::string_view route = call.request.route;
  follow(circuits_.record(route, result ? result->status : 0, sent_at, ended_at), route);
}

/// Logs the change, and answers those who would wait for nothing now.
void UpstreamClient::follow(Circuits::Change change, std::string_view route) {
  switch (change) {
    case Circuits::Change::none:
      return;
    case Circuits::Change::upstream_opened:
      LogEvent(spdlog::level::warn, "upstream-down",
               "upstream: fails; it is asked once a second until it answers again")
          .log();
      for (const auto& channel : channels_) channel->admission.give_up(circuit_is_open(route));
      return;
    case Circuits::Change::upstream_closed:
      LogEvent(spdlog::level::info, "upstream-up", "upstream: answers again").log();
      return;
    case Circuits::Change::route_opened:
      log_event(spdlog::level::warn, "route-down",
                "upstream: route {} gets 502, 503 or 504; it is asked for once a second until that ends",
                route)
          .with("route", route)
          .log();
      for (const auto& channel : channels_) channel->admission.give_up(circuit_is_open(route), route);
      return;
    case Circuits::Change::route_closed:
      log_event(spdlog::level::info, "route-up", "upstream: route {} is answered again", route)
          .with("route", route)
          .log();
      return;
  }
}

/// After how long the request is to be sent once more; nothing if it is not.
std::optional<std::chrono::milliseconds> UpstreamClient::goes_again_after(UpstreamCall& call,
                                                                          const UpstreamResult& result) {
  const bool is_final = result ? result->status < 400 : is_of_the_proxy(result.error().error);
  if (stopped_ || is_final || call.turn.unwanted()) return std::nullopt;
  const UpstreamRequest& request = call.request;
  FailedAttempt failed;
  failed.repeatable = call.wire.is_repeatable();
  failed.failure = result ? AttemptFailure::status : kind_of(result.error().error);
  if (result) failed.status = result->status;
  if (result) failed.retry_after = http::retry_after_of(result->fields, clock_.wall_now());
  failed.answer_begun = request.stream && request.stream->begun();
  failed.attempts = call.attempts;
  failed.max_retries = static_cast<unsigned>(settings_.max_retries);
  failed.time_left =
      std::chrono::duration_cast<std::chrono::milliseconds>(call.turn.deadline() - clock_.steady_now());
  const double jitter = std::uniform_real_distribution<double>(0, 1)(random_);
  const RetryDecision retry = decide_retry(failed, jitter);
  const bool circuit_refuses = circuits_.is_open(request.route);
  if (!retry.retry() || circuit_refuses || !retry_budget_.spend()) return std::nullopt;
  const std::string why = result ? std::to_string(result->status) : result.error().error.context;
  log_event(spdlog::level::debug, "upstream-retry", "upstream: attempt {} failed ({}): again in {} ms",
            call.attempts, why, retry.delay.count())
      .with("route", request.route)
      .with("attempt", call.attempts)
      .with("error", why)
      .with("next_ms", retry.delay.count())
      .log();
  ++call.attempts;
  return retry.delay;
}

/// @return whether the request may still go
asio::awaitable<bool> UpstreamClient::pause(std::chrono::milliseconds delay, Turn& turn) {
  const SteadyTime until = clock_.steady_now() + delay;
  while (!stopped_ && !turn.unwanted() && clock_.steady_now() < until) co_await pauses_.wait(turn, until);
  co_return !stopped_ && !turn.unwanted();
}

UpstreamFailure UpstreamClient::circuit_is_open(std::string_view route) const {
  const auto wait =
      std::chrono::ceil<std::chrono::milliseconds>(circuits_.retry_after(route, clock_.steady_now()));
  std::string why =
      circuits_.upstream().state() == Circuit::State::open
          ? "the upstream has failed again and again; it is being asked once a second"
          : fmt::format(
                "the upstream has answered 502, 503 or 504 again and again on route {}; it is being "
                "asked for that once a second",
                route);
  return {{ErrorCode::upstream_unreachable, true, std::move(why), ErrorSource::upstream},
          std::max(wait, std::chrono::milliseconds{1})};
}

bool UpstreamClient::idle(std::size_t credential) const {
  const CredentialChannel& channel = *channels_.at(credential);
  return circuits_.upstream().state() == Circuit::State::closed && channel.token.status().alive &&
         channel.admission.idle() && pool_.mostly_free();
}

UpstreamStatus UpstreamClient::status() const {
  UpstreamStatus status;
  for (const auto& channel : channels_)
    status.credentials.push_back({channel->name, channel->token.status(), channel->admission.status()});
  const Circuit& circuit = circuits_.upstream();
  status.circuit_open = circuit.state() == Circuit::State::open;
  status.circuit_opened = circuit.opened();
  status.circuit_probes = circuit.probes();
  status.circuit_refused = circuit.refused();
  status.open_routes = circuits_.open_routes();
  status.retries = retries_;
  status.retries_refused = retry_budget_.refused();
  status.resent = pool_.resent();
  status.spending = spending_.read();
  status.attempts = attempts_.read();
  return status;
}

TokenStatus UpstreamClient::token_status() const {
  for (const auto& channel : channels_) {
    if (TokenStatus status = channel->token.status(); !status.alive) return status;
  }
  return channels_.front()->token.status();
}

}  // namespace roktcached::upstream
