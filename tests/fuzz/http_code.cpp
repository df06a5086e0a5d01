#include "tests/fuzz/http_code.h"

#include <algorithm>
#include <charconv>

#include "core/caching/http_rules.h"
#include "core/caching/variants.h"
#include "server/proxy/http/http_fetch_outcome.h"

namespace roktcached::fuzz {

using caching::StoredResponse;
using caching::StoredResponsePtr;
using caching::VariantIndex;

namespace {

constexpr const char* credential = "default";

caching::Key key_of(const HttpRequest& request) {
  return caching::http_key(credential, http_targets()[request.target].as_sent);
}

bool retrieves(const HttpRequest& request) {
  return request.method == "GET" || request.method == "HEAD";
}

std::int64_t number_in(const http::Fields& fields, std::string_view name) {
  const auto text = fields.find(name);
  std::int64_t number = -1;
  if (text) std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

upstream::UpstreamResult result_of(const HttpAnswer* answer, WallTime sent_at) {
  if (answer == nullptr)
    return upstream::UpstreamFailure{
        {ErrorCode::upstream_unreachable, true, "not reached", ErrorSource::upstream}, std::nullopt};
  upstream::UpstreamResponse response;
  response.status = answer->status;
  response.fields = to_fields(*answer);
  response.body = answer->body;
  response.sent_at = sent_at;
  return response;
}

proxy::FetchRequest fetch_request(const HttpRequest& request, const HttpCode::Selected& selected) {
  proxy::FetchRequest fetch;
  fetch.key = key_of(request);
  fetch.route = HttpCode::route;
  fetch.route_class = rokt::RouteClass::http;
  fetch.upstream.method = request.method;
  fetch.upstream.target = http_targets()[request.target].as_sent;
  fetch.upstream.inject_token = false;
  fetch.stored = retrieves(request) ? selected.response : nullptr;
  auto http = std::make_shared<proxy::HttpFetch>();
  http->target = fetch.key;
  http->method = request.method;
  http->client = to_fields(request);
  http->no_store = request.control.no_store;
  http->index = selected.index;
  http->credentials = {std::string(credential)};
  http->hosts = {"proxy.test"};
  fetch.http = std::move(http);
  return fetch;
}

}  // namespace

StoredResponsePtr HttpCode::look_up(const caching::Key& key) const {
  const auto found = store_.find(std::string(key.text()));
  return found == store_.end() ? nullptr : found->second;
}

/// As CacheUpdater::keep.
void HttpCode::put(StoredResponsePtr response) {
  if (VariantIndex::is_index(*response)) last_generation_ = std::max(last_generation_, response->fetched_at);
  std::string text(response->key.text());
  store_[std::move(text)] = std::move(response);
}

/// As HttpHandler::select.
HttpCode::Selected HttpCode::select(const HttpRequest& request) const {
  Selected selected;
  const StoredResponsePtr first = look_up(key_of(request));
  if (!first) return selected;
  if (!VariantIndex::is_index(*first)) {
    selected.response = first;
    return selected;
  }
  selected.index = first;
  for (const auto& key : VariantIndex(*first).keys_for(key_of(request), to_fields(request))) {
    const StoredResponsePtr found = look_up(key);
    const bool later = found && (!selected.response || found->fetched_at > selected.response->fetched_at);
    if (later) selected.response = found;
  }
  return selected;
}

caching::Decision HttpCode::decide(const Selected& selected, const HttpRequest& request, WallTime now) const {
  const auto directives = http::parse_request_directives(to_fields(request));
  return caching::decide_http(selected.response.get(), directives, now);
}

Seen HttpCode::seen(const StoredResponse& response, WallTime now) {
  const http::Fields fields = http::Fields::from_lines(response.head);
  return {response.status, std::string(*response.body), number_in(fields, "X-Marker"),
          number_in(fields, "X-Secret"), caching::age_of(response, now).count()};
}

/// As HttpHandler::fetch and Fetcher::run.
Ending HttpCode::forwarded(const HttpRequest& request, const Selected& selected, const HttpAnswer* answer,
                           WallTime sent_at, WallTime received_at) {
  proxy::FetchRequest fetch = fetch_request(request, selected);
  fetch.policy = policy_;
  const proxy::FetchOutcome outcome = proxy::judge_http(fetch, result_of(answer, sent_at), received_at);
  for (const auto& target : outcome.invalidated) invalidate(target, received_at);
  for (const auto& response : outcome.to_store) put(response);

  const unsigned status = outcome.upstream_status;
  const bool error_status = status == 500 || status == 502 || status == 503 || status == 504;
  const auto failure = outcome.response ? caching::Failure::error_status : caching::Failure::no_answer;
  if ((!outcome.response || error_status) &&
      caching::may_stand_in_http(fetch.stored.get(), failure, policy_, received_at))
    return {Ending::Kind::stand_in, seen(*fetch.stored, received_at), outcome.stored()};
  if (!outcome.response) return {};
  return {Ending::Kind::answer, seen(*outcome.response, received_at), outcome.stored()};
}

/// As FetchTable::invalidate.
void HttpCode::invalidate(const caching::Key& target, WallTime now) {
  last_generation_ = std::max(now, last_generation_) + std::chrono::milliseconds{1};
  put(VariantIndex(last_generation_).to_stored(target, route));
}

std::vector<StoredResponsePtr> HttpCode::stored() const {
  std::vector<StoredResponsePtr> all;
  for (const auto& [key, response] : store_) all.push_back(response);
  std::ranges::sort(all, {}, [](const auto& response) { return response->key.text(); });
  return all;
}

}  // namespace roktcached::fuzz
