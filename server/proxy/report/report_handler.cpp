#include "server/proxy/report/report_handler.h"

#include <algorithm>

#include "core/http/cache_control.h"
#include "core/http/forwarding.h"
#include "server/asio.h"
#include "server/background.h"
#include "server/http/own_pseudonym.h"
#include "server/http/problem.h"
#include "server/proxy/answers.h"
#include "server/proxy/decision_log.h"
#include "server/proxy/report/report_fetch.h"
#include "server/runtime.h"

namespace roktcached::proxy {

using caching::Action;
using caching::StoredResponsePtr;
using http::Answer;
using http::Forward;
using http::Request;

namespace {

/// Whether a value has the form of version 00 of W3C's Trace Context. Any other value is not passed on: it is
/// in no key, and if the upstream refused it, all who ask for the same would get that refusal.
bool is_traceparent(std::string_view value) {
  static constexpr std::string_view form = "00-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
  return std::ranges::equal(value, form, [](char c, char wanted) {
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    return wanted == 'x' ? hex : c == wanted;
  });
}

/// Only what the key says goes upstream, and the trace: nothing else of a client's can change an answer.
void say_what_to_send(upstream::UpstreamRequest& to_send, const Request& request) {
  to_send.client = request.client;
  const std::string trace = request.fields.combined("traceparent");
  if (is_traceparent(trace)) to_send.fields.add("traceparent", trace);
  // Others may share the answer, so a client's own Via stays here; the way through proxies like this one does
  // not.
  if (!request.fields.contains("Via")) return;
  if (std::string via = http::via_of_kin(request.fields.combined("Via"), pseudonym_prefix); !via.empty())
    to_send.fields.add("Via", via);
}

caching::Decision decide(const StoredResponsePtr& stored, const Request& request,
                         const CacheRequest& cache_request, WallTime now) {
  return caching::decide(stored.get(), http::parse_request_directives(request.fields), *cache_request.policy,
                         now);
}

std::unique_ptr<FetchRequest> fetch_request(const Request& request, const CacheRequest& cache_request,
                                            StoredResponsePtr stored, bool may_store) {
  auto fetch = report_fetch(*request.runtime, cache_request, std::move(stored));
  say_what_to_send(fetch->upstream, request);
  fetch->may_store = may_store;
  fetch->received_at = request.received_at;
  return fetch;
}

/// How often an answer that is said to be in the store is looked for there.
constexpr int looks_max = 3;

/// Not a coroutine: its frame would hold the fetch request a second time.
/// @param since  an answer that was fetched before that will not do
asio::awaitable<FetchResult> join(FetchTable& fetches, const Request& request,
                                  const CacheRequest& cache_request, StoredResponsePtr stored, Forward reason,
                                  SteadyTime since, const FetchTable::TicketPtr& ticket) {
  const http::RequestDirectives directives = http::parse_request_directives(request.fields);
  auto fetch = fetch_request(request, cache_request, std::move(stored), !directives.no_store);
  fetch->takes_stored = !directives.no_cache && !directives.max_age && !directives.min_fresh;
  fetch->upstream.reason = reason_of(reason);
  fetch->received_at = since;
  return fetches.join(std::move(fetch), ticket);
}

}  // namespace

bool ReportHandler::answer_now(const Request& request, const CacheRequest& cache_request, Looked& looked,
                               Answer& answer) {
  const WallTime now = looked.at = services_.clock.wall_now();
  looked.stored = services_.store.find_in_memory(cache_request.key, now);
  looked.in_memory = *looked.stored != nullptr;
  if (!looked.in_memory) looked.stored = services_.store.find_on_disk_at_once(cache_request.key, now);
  if (!looked.stored || !*looked.stored) return false;
  const caching::Decision decision = decide(*looked.stored, request, cache_request, now);
  if (decision.action == Action::use || decision.action == Action::use_and_refresh)
    log_decision(request, *cache_request.route, cache_request.key, decision, looked.stored->get(), now);
  return use(*looked.stored, request, cache_request, decision, now, answer);
}

/// The hit goes out whatever becomes of its refresh.
void ReportHandler::refresh_behind(const StoredResponsePtr& stored, const Request& request,
                                   const CacheRequest& cache_request) {
  if (!refreshes_.take(cache_request.key.hash(), request.received_at)) return;
  try {
    services_.fetches.refresh_behind(std::move(*fetch_request(request, cache_request, stored, true)));
  } catch (...) {
    log_failure("refreshing behind an answer", std::current_exception());
  }
}

bool ReportHandler::use(const StoredResponsePtr& stored, const Request& request,
                        const CacheRequest& cache_request, const caching::Decision& decision, WallTime now,
                        Answer& answer) {
  const bool refresh = decision.action == Action::use_and_refresh;
  if (decision.action != Action::use && !refresh) return false;
  if (refresh) refresh_behind(stored, request, cache_request);
  const http::CacheStatus status{.hit = true, .ttl = caching::ttl_of(*stored, now)};
  answer_with(answer, request, stored, status, true, *cache_request.policy, now);
  add_notes(answer, refresh ? http::CacheOutcome::refreshing_hit : http::CacheOutcome::hit,
            *cache_request.route, cache_request.key);
  return true;
}

asio::awaitable<Answer> ReportHandler::answer(const Request& request, CacheRequestPtr cache_request,
                                              const Looked* looked) {
  if (looked == nullptr || !looked->stored)
    return look_up_and_answer(request, std::move(cache_request), looked != nullptr);
  return answer_from(request, std::move(cache_request), *looked->stored, looked->at);
}

/// @param on_disk  memory has been looked into
asio::awaitable<Answer> ReportHandler::look_up_and_answer(const Request& request,
                                                          CacheRequestPtr cache_request, bool on_disk) {
  const WallTime now = services_.clock.wall_now();
  LookedUp found;
  if (on_disk) {
    found = co_await look_up_on_disk(services_, cache_request->key, now);
  } else {
    found = co_await look_up(services_, cache_request->key, now);
  }
  if (found.no_room) co_return no_room(request, *cache_request);
  co_return co_await answer_from(request, std::move(cache_request), std::move(found.response), now);
}

/// Answers with what is stored, which may be null, or fetches. Not a coroutine: the frame of the one that
/// fetches is to be small, see answer_with_result().
asio::awaitable<Answer> ReportHandler::answer_from(const Request& request, CacheRequestPtr cache_request,
                                                   StoredResponsePtr stored, WallTime now) {
  const caching::Decision decision = decide(stored, request, *cache_request, now);
  log_decision(request, *cache_request->route, cache_request->key, decision, stored.get(), now);
  Answer answer;
  if (use(stored, request, *cache_request, decision, now, answer)) return at_once(std::move(answer));
  if (decision.action != Action::refuse)
    return fetch(request, std::move(cache_request), std::move(stored), decision.reason);
  return at_once(
      note(not_in_cache(request), http::CacheOutcome::refused, *cache_request->route, cache_request->key));
}

asio::awaitable<Answer> ReportHandler::fetch(const Request& request, CacheRequestPtr cache_request,
                                             StoredResponsePtr stored, Forward reason) {
  const SteadyTime asked_at = services_.clock.steady_now();
  const auto ticket = std::make_shared<FetchTable::Ticket>(services_.fetches);
  const Departure::Watch watch(request.departure, [&ticket] { FetchTable::leave(ticket); });
  FetchResult result =
      co_await join(services_.fetches, request, *cache_request, stored, reason, request.received_at, ticket);
  StoredResponsePtr finished;
  for (int look = 0; look < looks_max && result.look_again; ++look) {
    const LookedUp found = co_await look_up(services_, cache_request->key, services_.clock.wall_now());
    if (found.no_room) co_return no_room(request, *cache_request);
    finished = found.response;
    if (finished) break;
    // It has gone already.
    result = co_await join(services_.fetches, request, *cache_request, stored, reason,
                           services_.clock.steady_now(), ticket);
  }
  Answer answer;
  if (finished) {
    answer_collapsed(answer, request, *cache_request, finished, reason);
  } else {
    answer_with_result(answer, request, *cache_request, result, stored, reason);
  }
  if (answer.notes.reason.empty()) answer.notes.reason = to_string(reason);
  if (!result.left)
    answer.notes.upstream =
        std::chrono::duration_cast<std::chrono::milliseconds>(services_.clock.steady_now() - asked_at);
  co_return answer;
}

/// There is an answer in the store, and no room in memory for it.
Answer ReportHandler::no_room(const Request& request, const CacheRequest& cache_request) {
  return note(no_room_answer(request), http::CacheOutcome::failed, *cache_request.route, cache_request.key);
}

/// With what another client's fetch has brought into the store.
void ReportHandler::answer_collapsed(Answer& answer, const Request& request,
                                     const CacheRequest& cache_request, const StoredResponsePtr& finished,
                                     Forward reason) const {
  const WallTime now = services_.clock.wall_now();
  const http::CacheStatus status{
      .forward = reason, .stored = true, .ttl = caching::ttl_of(*finished, now), .collapsed = true};
  answer_with(answer, request, finished, status, false, *cache_request.policy, now);
  add_notes(answer, http::CacheOutcome::collapsed, *cache_request.route, cache_request.key);
}

/// With what a fetch has ended with, or with what was stored before it where that may stand in.
void ReportHandler::answer_with_result(Answer& answer, const Request& request,
                                       const CacheRequest& cache_request, const FetchResult& result,
                                       const StoredResponsePtr& stored, Forward reason) const {
  const rokt::Route& route = *cache_request.route;
  const caching::Key& key = cache_request.key;
  const caching::FreshnessPolicy& policy = *cache_request.policy;
  const WallTime now = services_.clock.wall_now();
  const auto fail = [&](Answer failure) {
    answer = note(std::move(failure), http::CacheOutcome::failed, route, key);
  };
  if (result.left) return fail(client_gone(request));
  if (!result.outcome) {
    const upstream::UpstreamFailure lost{
        {ErrorCode::internal, true, "the answer was lost on its way through the store"}, std::nullopt};
    return fail(failure_answer(request, lost, reason));
  }
  const FetchOutcome& outcome = *result.outcome;
  answer.notes.not_stored = not_stored(outcome);
  const StoredResponsePtr stand_in = services_.fetches.unless_removed(stored, request.received_at);
  if (gives_way(outcome) && caching::may_stand_in(stand_in.get(), policy, now)) {
    http::CacheStatus status{.forward = reason, .detail = "stale-if-error"};
    if (outcome.upstream_status != 0) status.forward_status = outcome.upstream_status;
    answer_with(answer, request, stand_in, status, true, policy, now);
    return add_notes(answer, http::CacheOutcome::stale_if_error, route, key);
  }
  if (!outcome.response) return fail(failure_answer(request, *outcome.failure, reason));
  services_.zones.learn(*outcome.response);
  answer_with(answer, request, outcome.response, status_of(result, reason, now), false, policy, now);
  if (result.content) put_large_content(answer, request, result.content);
  add_notes(answer, outcome_of(result), route, key);
}

}  // namespace roktcached::proxy
