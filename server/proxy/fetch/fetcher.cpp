#include "server/proxy/fetch/fetcher.h"

#include <algorithm>

#include "server/asio.h"
#include "server/background.h"
#include "server/proxy/http/http_fetch_outcome.h"
#include "server/proxy/prepared.h"
#include "server/worker_pool.h"

namespace roktcached::proxy {

namespace {

/// Adds the conditions that ask the upstream whether the stored response still holds (RFC 9111, section
/// 4.3.1).
void add_validators(FetchRequest& request) {
  if (!request.stored) return;
  http::Fields& fields = request.upstream.fields;
  if (!request.http) {
    const std::string_view validator = request.stored->validator;
    // To another method the answer of what still holds is 412 (RFC 9110, section 13.1.2).
    if (validator.empty() || request.upstream.method != "GET") return;
    const auto colon = validator.find(": ");
    return fields.set(validator.substr(0, colon), validator.substr(colon + 2));
  }
  const bool retrieves = request.http->method == "GET" || request.http->method == "HEAD";
  if (!retrieves) return;
  const http::Fields stored = http::Fields::from_lines(request.stored->head);
  if (const auto tag = stored.find("ETag")) fields.add("If-None-Match", *tag);
  if (const auto modified = stored.find("Last-Modified")) fields.add("If-Modified-Since", *modified);
}

/// Judges an answer, and prepares the response for the clients and for the store.
FetchOutcome judged_and_prepared(const FetchRequest& request, upstream::UpstreamResult&& result,
                                 const Clock& clock, storage::BodyAccount* bodies) {
  FetchOutcome outcome = request.http ? judge_http(request, std::move(result), clock.wall_now())
                                      : judge(request, std::move(result));
  if (request.http || !outcome.response) return outcome;
  const caching::StoredResponsePtr plain = outcome.response;
  outcome.response = prepared(plain, bodies);
  std::ranges::replace(outcome.to_store, plain, outcome.response);
  return outcome;
}

FetchOutcomePtr failed_fetch() {
  auto outcome = std::make_shared<FetchOutcome>();
  outcome->failure = {fetch_failure(), std::nullopt};
  return outcome;
}

}  // namespace

Error fetch_failure() {
  return {ErrorCode::internal, true, "the fetch failed"};
}

bool was_broken_off(const FetchOutcome& outcome) {
  return outcome.failure && outcome.failure->error.code == ErrorCode::client_gone;
}

Fetcher::Fetcher(asio::any_io_executor helpers, upstream::Upstream& upstream, storage::BodyAccount& bodies,
                 CacheUpdater& updater, HttpSharing& sharing, const Clock& clock, SharedFetches* shared)
    : helpers_(std::move(helpers)),
      upstream_(upstream),
      bodies_(bodies),
      updater_(updater),
      sharing_(sharing),
      clock_(clock),
      shared_(shared),
      failed_(failed_fetch()) {}

/// No coroutine itself: without a fleet no frame is to be made for one.
asio::awaitable<Fetched> Fetcher::run(FetchPtr fetch, FetchRequest& request) {
  const bool for_all = shared_ != nullptr && !request.http && request.may_store;
  return for_all ? run_for_all(std::move(fetch), request) : run_here(std::move(fetch), request);
}

/// A fetch that is recalled before it was sent joins the other instances anew: one of them may be fetching it
/// now.
asio::awaitable<Fetched> Fetcher::run_for_all(FetchPtr fetch, FetchRequest& request) {
  try {
    while (true) {
      auto joined = co_await shared_->join(request, fetch->turn);
      if (joined.outcome) co_return co_await take(fetch, request, std::move(joined.outcome));
      const bool is_newer =
          joined.stored && (!request.stored || request.stored->fetched_at < joined.stored->fetched_at);
      if (is_newer) request.stored = std::move(joined.stored);
      Fetched fetched = co_await run_here(fetch, request);
      const bool recalled = fetch->turn.recalled() && was_broken_off(*fetched.outcome);
      fetch->turn.resume();
      if (recalled) continue;
      if (joined.duty) joined.duty->end(fetched.outcome);
      co_return fetched;
    }
  } catch (...) {
    logging_failure("fetching for the fleet")(std::current_exception());
  }
  co_return Fetched{failed_};
}

/// Puts an answer that another instance has fetched into the store, as if it had been fetched here.
asio::awaitable<Fetched> Fetcher::take(FetchPtr fetch, const FetchRequest& request, FetchOutcomePtr outcome) {
  if (!outcome->response) co_return Fetched{std::move(outcome)};
  auto taken = std::make_shared<FetchOutcome>(*outcome);
  const auto prepare_it = [&] {
    taken->response = prepared(outcome->response, &bodies_);
    std::ranges::replace(taken->to_store, outcome->response, taken->response);
  };
  if (outcome->response->body->size() >= worth_another_thread) {
    co_await run_on(helpers_, prepare_it);
  } else {
    prepare_it();
  }
  updater_.keep(request, *taken, fetch->started_at);
  co_return Fetched{std::move(taken)};
}

asio::awaitable<Fetched> Fetcher::run_here(FetchPtr fetch, FetchRequest& request) {
  try {
    // A 304 would bring back what a purge has removed since it was looked up.
    request.stored = updater_.unless_removed(std::move(request.stored), request.received_at);
    add_validators(request);
    request.upstream.has_worked = request.stored && request.stored->status == 200;
    request.upstream.takes_large = !request.http;
    std::optional<upstream::WhenBegun> shares;
    if (request.http) shares.emplace(fetch->growing.get(), [&] { sharing_.head_is_known(*fetch, request); });
    upstream::UpstreamResult result = co_await upstream_.send(request.upstream);
    upstream::LargeContentPtr large = result ? result->large : nullptr;
    bool grown = result && result->streamed && !result->too_large;
    if (grown) {  // for a moment it is here twice
      result->held = storage::BodyAccount::Growing(bodies_);
      grown = result->held.add(fetch->growing->size());
      result->too_large = !grown;
    }
    std::shared_ptr<FetchOutcome> outcome;
    const auto judge_it = [&] {
      if (grown) result->body = fetch->growing->content();
      outcome =
          std::make_shared<FetchOutcome>(judged_and_prepared(request, std::move(result), clock_, &bodies_));
    };
    std::size_t size = result ? result->body.size() : 0;
    // It is compared with the new one, or compressed once more where that has not been worth it.
    if (request.stored && !request.stored->gzip_body) size = std::max(size, request.stored->body->size());
    if (grown || size >= worth_another_thread) {
      co_await run_on(helpers_, judge_it);
    } else {
      judge_it();
    }
    if (request.http) sharing_.note(request, *outcome);
    updater_.keep(request, *outcome, fetch->started_at);
    if (grown && outcome->response) fetch->growing->settle(outcome->response->body);
    co_return Fetched{std::move(outcome), std::move(large)};
  } catch (...) {
    logging_failure("fetching")(std::current_exception());
  }
  co_return Fetched{failed_};
}

}  // namespace roktcached::proxy
