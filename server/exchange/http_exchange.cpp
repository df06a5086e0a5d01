#include "server/exchange/http_exchange.h"

#include "core/caching/http_rules.h"
#include "core/caching/variants.h"
#include "server/asio.h"
#include "server/exchange/answers.h"
#include "server/exchange/forwarded_fields.h"
#include "server/exchange/streaming.h"
#include "server/problem.h"

namespace roktcached::exchange {

using caching::Action;
using caching::StoredResponsePtr;
using http::Forward;
using inbound::Answer;
using inbound::Request;

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

/// What selects among variants: the fields that the origin sees, not those of this connection alone.
http::Fields end_to_end(const http::Fields& fields) {
  const http::HopByHopFields hop_by_hop(fields);
  http::Fields kept;
  for (const auto& field : fields.all()) {
    if (!hop_by_hop.contain(field.name)) kept.add(field.name, field.value);
  }
  return kept;
}

}  // namespace

asio::awaitable<Answer> HttpExchange::answer(const Request& request, Destination to) {
  const caching::Key target =
      caching::http_key(services_.settings.credentials[to.credential].name, request.target);
  const http::RequestDirectives directives = http::parse_request_directives(request.fields);
  const WallTime now = services_.clock.wall_now();
  const Selected selected = co_await select(request, target, now);
  if (!retrieves(request))
    co_return co_await fetch(request, to, target, directives, selected, Forward::bypass);

  const caching::Decision decision = caching::decide_http(selected.response.get(), directives, now);
  if (decision.action == Action::use || decision.action == Action::use_and_refresh) {
    const bool refresh = decision.action == Action::use_and_refresh;
    if (refresh && refreshes_.take(selected.response->key.hash(), request.received_at))
      services_.flights.refresh_behind(fetch_request(request, to, target, selected, directives.no_store));
    const http::CacheStatus status{.hit = true, .ttl = caching::ttl_of(*selected.response, now)};
    co_return note(answer_http_with(request, selected.response, status, true, now),
                   refresh ? inbound::Outcome::refreshing_hit : inbound::Outcome::hit, to.route, target);
  }
  if (decision.action == Action::refuse) {
    const Error error{ErrorCode::not_in_cache, ErrorSource::exchange, true,
                      "only-if-cached, and nothing usable is stored"};
    co_return note(problem(error, request.id), inbound::Outcome::refused, to.route, target);
  }
  co_return co_await fetch(request, to, target, directives, selected, decision.reason);
}

asio::awaitable<HttpExchange::Fetched> HttpExchange::start_fetch(const Request& request,
                                                                 FetchRequest to_fetch,
                                                                 Flights::Sharing sharing) {
  Fetched fetched;
  fetched.stream =
      std::make_shared<upstream::AnswerStream>(services_.desk, upstream::AnswerStream::Keep::whole);
  to_fetch.upstream.stream = fetched.stream;
  fetched.landing = services_.flights.start(std::move(to_fetch), sharing);
  fetched.head = co_await read_beginning(request, *fetched.stream);
  co_return fetched;
}

asio::awaitable<Answer> HttpExchange::fetch(const Request& request, const Destination& to,
                                            const caching::Key& target,
                                            const http::RequestDirectives& directives, Selected selected,
                                            Forward reason) {
  const SteadyTime asked_at = services_.clock.steady_now();
  FetchRequest to_fetch = fetch_request(request, to, target, selected, directives.no_store);
  to_fetch.upstream.reason = reason_of(reason);
  const auto sharing =
      may_share(request, to.route, directives) ? Flights::Sharing::shared : Flights::Sharing::alone;
  Fetched fetched = co_await start_fetch(request, std::move(to_fetch), sharing);
  if (!fetched.head && fetched.landing->collapsed) {
    // Another's answer is ours only where it was stored and is what this request selects.
    const WallTime now = services_.clock.wall_now();
    selected = co_await select(request, target, now);
    const auto decision = caching::decide_http(selected.response.get(), directives, now);
    if (decision.action == Action::use) {
      const http::CacheStatus status{
          .forward = reason, .ttl = caching::ttl_of(*selected.response, now), .collapsed = true};
      co_return note(answer_http_with(request, selected.response, status, true, now),
                     inbound::Outcome::collapsed, to.route, target);
    }
    to_fetch = fetch_request(request, to, target, selected, directives.no_store);
    to_fetch.upstream.reason = reason_of(reason);
    fetched = co_await start_fetch(request, std::move(to_fetch), Flights::Sharing::alone);
  }
  // The write is done when its answer begins: the end may be long in coming, or never come.
  if (fetched.head && caching::invalidates(request.method, fetched.head->status))
    co_await invalidate(services_, request.target);
  const WallTime now = services_.clock.wall_now();
  const OutcomePtr outcome = fetched.head ? nullptr : fetched.landing->outcome;
  if (!fetched.head && !outcome) {
    const upstream::UpstreamFailure failure{
        {ErrorCode::internal, ErrorSource::exchange, true, "the fetch failed"}, std::nullopt};
    co_return note(failure_answer(request, failure, reason), inbound::Outcome::failed, to.route, target);
  }
  const unsigned status_code = fetched.head ? fetched.head->status : outcome->upstream_status;
  const bool answered = fetched.head || outcome->response;
  const StoredResponsePtr stored =
      retrieves(request) ? services_.flights.unless_removed(selected.response, request.received_at) : nullptr;
  const bool error_status =
      status_code == 500 || status_code == 502 || status_code == 503 || status_code == 504;
  const auto failure = answered ? caching::Failure::error_status : caching::Failure::no_answer;
  Answer answer;
  if ((!answered || error_status) &&
      caching::may_stand_in_http(stored.get(), failure, services_.settings.freshness, now)) {
    fetched.stream->abandon();
    http::CacheStatus status{.forward = reason, .detail = "stale-if-error"};
    if (status_code != 0) status.forward_status = status_code;
    answer = note(answer_http_with(request, stored, status, true, now), inbound::Outcome::stale_if_error,
                  to.route, target);
  } else if (fetched.head) {
    answer = note(answer_streamed(request, std::move(*fetched.head), fetched.stream, reason, now),
                  retrieves(request) ? inbound::Outcome::miss : inbound::Outcome::passed, to.route, target);
  } else if (!answered) {
    answer =
        note(failure_answer(request, *outcome->failure, reason), inbound::Outcome::failed, to.route, target);
  } else {
    const auto kind = retrieves(request) ? outcome_of(*fetched.landing) : inbound::Outcome::passed;
    answer = note(
        answer_http_with(request, outcome->response, status_of(*fetched.landing, reason, now), false, now),
        kind, to.route, target);
  }
  answer.notes.upstream =
      std::chrono::duration_cast<std::chrono::milliseconds>(services_.clock.steady_now() - asked_at);
  co_return answer;
}

asio::awaitable<HttpExchange::Selected> HttpExchange::select(const Request& request,
                                                             const caching::Key& target, WallTime now) {
  Selected selected;
  const StoredResponsePtr first = co_await look_up(services_, target, now);
  if (!first) co_return selected;
  if (!caching::VariantIndex::is_index(*first)) {
    selected.response = first;
    co_return selected;
  }
  selected.index = first;
  const std::vector<caching::Key> keys =
      caching::VariantIndex(*first).keys_for(target, end_to_end(request.fields));
  for (const auto& key : keys) {
    const StoredResponsePtr found = co_await look_up(services_, key, now);
    // A part answers no HEAD (RFC 9110, section 14.2).
    const bool may_answer = found && (found->status != 206 || request.method == "GET");
    // RFC 9111, section 4.1: of several that match, the latest.
    const bool later =
        may_answer && (!selected.response || found->fetched_at > selected.response->fetched_at);
    if (later) selected.response = found;
  }
  co_return selected;
}

FetchRequest HttpExchange::fetch_request(const Request& request, const Destination& to,
                                         const caching::Key& target, const Selected& selected,
                                         bool no_store) const {
  const bool whole_is_stored = selected.response && selected.response->status != 206;
  const bool with_range = request.method == "GET" && request.fields.contains("Range") && !whole_is_stored;
  FetchRequest fetch;
  fetch.key = target;
  fetch.route = to.route.name;
  fetch.route_class = to.route.route_class;
  fetch.account_id = to.account_id;
  fetch.campaign_id = to.campaign_id;
  fetch.upstream.method = request.method;
  fetch.upstream.target = request.target;
  fetch.upstream.inject_token = to.route.inject_token;
  fetch.upstream.credential = to.credential;
  fetch.upstream.client = request.client;
  fetch.upstream.route = to.route.name;
  fetch.upstream.accept_gzip = false;
  fetch.upstream.exact_length = false;
  // What a GET's sender has already is judged here, from the whole response; a range is asked for where that
  // is not at hand.
  fetch.upstream.fields =
      forwarded_fields(request, to.route, {.conditions = !retrieves(request), .range = with_range});
  fetch.upstream.body = request.body;
  fetch.upstream.received_protocol = request.protocol;
  fetch.stored = retrieves(request) ? selected.response : nullptr;
  fetch.may_store = !no_store;
  fetch.policy = services_.settings.freshness;
  fetch.received_at = request.received_at;
  auto http = std::make_shared<HttpFetch>();
  http->target = target;
  http->method = request.method;
  http->client = end_to_end(request.fields);
  http->no_store = no_store;
  http->range_forwarded = with_range;
  http->index = selected.index;
  if (caching::is_unsafe(request.method)) {
    for (const auto& credential : services_.settings.credentials)
      http->credentials.push_back(credential.name);
  }
  http->hosts = {
      std::string(request.fields.find("Host").value_or("")), services_.settings.upstream.url.host,
      services_.settings.upstream.url.host + ":" + std::to_string(services_.settings.upstream.url.port)};
  fetch.http = std::move(http);
  return fetch;
}

}  // namespace roktcached::exchange
