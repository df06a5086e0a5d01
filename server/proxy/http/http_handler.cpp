#include "server/proxy/http/http_handler.h"

#include "core/caching/http_rules.h"
#include "core/caching/variants.h"
#include "server/asio.h"
#include "server/http/problem.h"
#include "server/proxy/answers.h"
#include "server/proxy/decision_log.h"
#include "server/proxy/forwarded_fields.h"
#include "server/proxy/http/http_fetch_outcome.h"
#include "server/proxy/streaming.h"

namespace roktcached::proxy {

using caching::Action;
using caching::StoredResponsePtr;
using http::Answer;
using http::Forward;
using http::Request;

namespace {

bool retrieves(const Request& request) {
  return request.method == "GET" || request.method == "HEAD";
}

/// Whether a request may share another's fetch (RFC 9111, section 4: only what is stored, or could be, may
/// answer several requests).
bool may_share(const Request& request, const rokt::Route& route, const http::RequestDirectives& directives) {
  const bool own_credential = request.fields.contains("Authorization") && !route.inject_token;
  // If-Match and If-Unmodified-Since are for the origin to judge (RFC 9111, section 4.3.2).
  const bool precondition =
      request.fields.contains("If-Match") || request.fields.contains("If-Unmodified-Since");
  return request.method == "GET" && request.body.empty() && !request.fields.contains("Range") &&
         !own_credential && !precondition && !directives.no_store;
}

/// The fields that select among variants: those that the origin sees, without those of this connection alone.
http::Fields end_to_end(const http::Fields& fields) {
  const http::HopByHopFields hop_by_hop(fields);
  http::Fields kept;
  for (const auto& field : fields.all()) {
    if (!hop_by_hop.contain(field.name)) kept.add(field.name, field.value);
  }
  return kept;
}

}  // namespace

asio::awaitable<Answer> HttpHandler::answer(const Request& request, Destination to) {
  const caching::Key target =
      caching::http_key(request.runtime->settings.credentials[to.credential].name, request.target);
  const http::RequestDirectives directives = http::parse_request_directives(request.fields);
  const WallTime now = services_.clock.wall_now();
  const Asked asked{request, to, target, directives};
  const Selected selected = co_await select(request, target, now);
  if (!retrieves(request)) co_return co_await fetch(asked, selected, Forward::bypass);
  if (selected.no_room) co_return note(no_room_answer(request), http::CacheOutcome::failed, to.route, target);

  const caching::Decision decision = caching::decide_http(selected.response.get(), directives, now);
  log_decision(request, to.route, target, decision, selected.response.get(), now);
  if (decision.action == Action::use || decision.action == Action::use_and_refresh) {
    const bool refresh = decision.action == Action::use_and_refresh;
    if (refresh && refreshes_.take(selected.response->key.hash(), request.received_at))
      services_.fetches.refresh_behind(fetch_request(asked, selected));
    const http::CacheStatus status{.hit = true, .ttl = caching::ttl_of(*selected.response, now)};
    co_return note(answer_http_with(request, selected.response, status, true, now),
                   refresh ? http::CacheOutcome::refreshing_hit : http::CacheOutcome::hit, to.route, target);
  }
  if (decision.action == Action::refuse)
    co_return note(not_in_cache(request), http::CacheOutcome::refused, to.route, target);
  co_return co_await fetch(asked, selected, decision.reason);
}

asio::awaitable<Answer> HttpHandler::fetch(Asked asked, Selected selected, Forward reason) {
  const Request& request = asked.request;
  const auto failed = [&](Answer answer) {
    return note(std::move(answer), http::CacheOutcome::failed, asked.to.route, asked.target);
  };
  const SteadyTime asked_at = services_.clock.steady_now();
  const auto ticket = std::make_shared<FetchTable::Ticket>(services_.fetches);
  const Departure::Watch watch(request.departure, [&ticket] { FetchTable::leave(ticket); });
  const auto join = [&](FetchTable::Sharing sharing) {
    FetchRequest to_fetch = fetch_request(asked, selected);
    to_fetch.upstream.reason = reason_of(reason);
    return services_.fetches.join_http(std::move(to_fetch), sharing, ticket);
  };
  const bool shares = may_share(request, asked.to.route, asked.directives);
  FetchResult result = co_await join(shares ? FetchTable::Sharing::shared : FetchTable::Sharing::alone);
  if (result.look_again) {
    // Another's answer is ours only where it is what this request selects.
    const WallTime now = services_.clock.wall_now();
    selected = co_await select(request, asked.target, now);
    if (selected.no_room) co_return failed(no_room_answer(request));
    const auto decision = caching::decide_http(selected.response.get(), asked.directives, now);
    if (decision.action == Action::use) {
      const http::CacheStatus status{
          .forward = reason, .ttl = caching::ttl_of(*selected.response, now), .collapsed = true};
      co_return note(answer_http_with(request, selected.response, status, true, now),
                     http::CacheOutcome::collapsed, asked.to.route, asked.target);
    }
    result = co_await join(FetchTable::Sharing::alone);
  }
  std::optional<upstream::AnswerHead> head;
  if (result.content) head = co_await read_beginning(request, *result.content);
  if (result.left || (request.departure != nullptr && request.departure->gone()))
    co_return failed(client_gone(request));
  if (result.content && !head) result = *result.at_end;
  // The write is done when its answer begins: the end may be long in coming, or never come.
  if (head && caching::invalidates(request.method, head->status))
    co_await invalidate(services_, *request.runtime, request.target);
  Answer answer = answer_with_result(asked, selected, std::move(result), std::move(head), reason);
  if (answer.notes.reason.empty()) answer.notes.reason = to_string(reason);
  answer.notes.upstream =
      std::chrono::duration_cast<std::chrono::milliseconds>(services_.clock.steady_now() - asked_at);
  co_return answer;
}

Answer HttpHandler::answer_with_result(const Asked& asked, const Selected& selected, FetchResult result,
                                       std::optional<upstream::AnswerHead> head, Forward reason) const {
  const Request& request = asked.request;
  const rokt::Route& route = asked.to.route;
  const WallTime now = services_.clock.wall_now();
  const FetchOutcomePtr outcome = result.outcome;
  const unsigned status_code = head ? head->status : outcome->upstream_status;
  const bool answered = head || outcome->response;
  const StoredResponsePtr stored =
      retrieves(request) ? services_.fetches.unless_removed(selected.response, request.received_at) : nullptr;
  const bool error_status =
      status_code == 500 || status_code == 502 || status_code == 503 || status_code == 504;
  const auto failure = answered ? caching::Failure::error_status : caching::Failure::no_answer;
  Answer answer;
  if ((!answered || error_status) &&
      caching::may_stand_in_http(stored.get(), failure, request.runtime->settings.freshness, now)) {
    http::CacheStatus status{.forward = reason, .detail = "stale-if-error"};
    if (status_code != 0) status.forward_status = status_code;
    answer = note(answer_http_with(request, stored, status, true, now), http::CacheOutcome::stale_if_error,
                  route, asked.target);
  } else if (head) {
    return answer_in_pieces(asked, selected, std::move(result), std::move(*head), reason, now);
  } else if (!answered) {
    answer = note(failure_answer(request, *outcome->failure, reason), http::CacheOutcome::failed, route,
                  asked.target);
  } else {
    const auto kind = retrieves(request) ? outcome_of(result) : http::CacheOutcome::passed;
    answer = note(answer_http_with(request, outcome->response, status_of(result, reason, now), false, now),
                  kind, route, asked.target);
  }
  if (outcome) answer.notes.not_stored = not_stored(*outcome);
  return answer;
}

Answer HttpHandler::answer_in_pieces(const Asked& asked, const Selected& selected, FetchResult result,
                                     upstream::AnswerHead head, Forward reason, WallTime now) const {
  http::CacheStatus status{.forward = reason, .collapsed = result.collapsed};
  auto kind = retrieves(asked.request) ? http::CacheOutcome::miss : http::CacheOutcome::passed;
  if (result.collapsed) {
    kind = http::CacheOutcome::collapsed;
    for (const auto& name : http::parse_response_directives(head.fields).withheld) head.fields.remove(name);
  } else {
    status.detail = not_stored(judge_http_head(fetch_request(asked, selected), head, now));
  }
  Answer answer =
      note(answer_streamed(asked.request, std::move(head), std::move(result.content), status, now), kind,
           asked.to.route, asked.target);
  answer.notes.not_stored = status.detail;
  return answer;
}

asio::awaitable<HttpHandler::Selected> HttpHandler::select(const Request& request, const caching::Key& target,
                                                           WallTime now) {
  Selected selected;
  const LookedUp looked_up = co_await look_up(services_, target, now);
  selected.no_room = looked_up.no_room;
  const StoredResponsePtr& first = looked_up.response;
  if (!first) co_return selected;
  if (!caching::VariantIndex::is_index(*first)) {
    selected.response = first;
    co_return selected;
  }
  selected.index = first;
  const std::vector<caching::Key> keys =
      caching::VariantIndex(*first).keys_for(target, end_to_end(request.fields));
  for (const auto& key : keys) {
    const LookedUp variant = co_await look_up(services_, key, now);
    if (variant.no_room) {
      selected.no_room = true;
      co_return selected;
    }
    const StoredResponsePtr& found = variant.response;
    // A part answers no HEAD (RFC 9110, section 14.2).
    const bool may_answer = found && (found->status != 206 || request.method == "GET");
    // RFC 9111, section 4.1: of several that match, the latest.
    const bool later =
        may_answer && (!selected.response || found->fetched_at > selected.response->fetched_at);
    if (later) selected.response = found;
  }
  co_return selected;
}

FetchRequest HttpHandler::fetch_request(const Asked& asked, const Selected& selected) const {
  const auto& [request, to, target, directives] = asked;
  const bool whole_is_stored = selected.response && selected.response->status != 206;
  const bool with_range = request.method == "GET" && request.fields.contains("Range") && !whole_is_stored;
  FetchRequest fetch;
  fetch.key = target;
  fetch.route = request.runtime->lasting_name(to.route);
  fetch.route_class = to.route.route_class;
  fetch.account_id = to.account_id;
  fetch.campaign_id = to.campaign_id;
  fetch.upstream.method = request.method;
  fetch.upstream.target = request.target;
  fetch.upstream.inject_token = to.route.inject_token;
  fetch.upstream.credential = to.credential;
  fetch.upstream.client = request.client;
  fetch.upstream.route = fetch.route;
  fetch.upstream.accept_gzip = false;
  fetch.upstream.exact_length = false;
  // The conditions of a GET are judged here, from the whole response. Range goes upstream if the whole
  // response is not here.
  fetch.upstream.fields =
      forwarded_fields(request, to.route, {.conditions = !retrieves(request), .range = with_range});
  fetch.upstream.body = request.body;
  fetch.upstream.received_protocol = request.protocol;
  fetch.stored = retrieves(request) ? selected.response : nullptr;
  fetch.may_store = !directives.no_store;
  fetch.policy = request.runtime->settings.freshness;
  fetch.received_at = request.received_at;
  auto http = std::make_shared<HttpFetch>();
  http->target = target;
  http->method = request.method;
  http->client = end_to_end(request.fields);
  http->no_store = directives.no_store;
  http->range_forwarded = with_range;
  http->index = selected.index;
  if (caching::is_unsafe(request.method)) {
    for (const auto& credential : request.runtime->settings.credentials)
      http->credentials.push_back(credential.name);
  }
  http->hosts = {std::string(request.fields.find("Host").value_or("")),
                 request.runtime->settings.upstream.url.host,
                 request.runtime->settings.upstream.url.host + ":" +
                     std::to_string(request.runtime->settings.upstream.url.port)};
  fetch.http = std::move(http);
  return fetch;
}

}  // namespace roktcached::proxy
