#include "server/proxy/http/http_fetch_outcome.h"

#include <algorithm>

#include "core/caching/http_rules.h"
#include "core/caching/storing.h"
#include "core/caching/variants.h"
#include "core/http/date.h"
#include "core/http/target.h"
#include "core/http/vary.h"

namespace roktcached::proxy {

using caching::StoredResponse;
using caching::StoredResponsePtr;
using caching::VariantIndex;
using http::Fields;

namespace {

/// Adds the keys that a target has under each credential: who writes may show another than who reads.
void add_keys(const HttpFetch& http, std::string_view target, std::vector<caching::Key>& keys) {
  for (const auto& name : http.credentials) keys.push_back(caching::http_key(name, target));
}

/// Judges one answer.
class Judge {
 public:
  Judge(const FetchRequest& request, upstream::UpstreamResponse answer, WallTime received_at)
      : request_(request),
        http_(*request.http),
        answer_(std::move(answer)),
        policy_(request.policy),
        received_at_(received_at) {
    outcome_.upstream_status = answer_.status;
  }

  FetchOutcome judge() && {
    const bool retrieves = http_.method == "GET" || http_.method == "HEAD";
    const bool confirms = answer_.status == 304 && retrieves;
    if (confirms && !was_conditional()) {
      outcome_.failure = {{ErrorCode::upstream_invalid_response, true, "304 to a request without a validator",
                           ErrorSource::upstream},
                          std::nullopt};
    } else if (confirms) {
      keep_freshened();
    } else if (http_.method == "HEAD") {
      take_head();
    } else {
      take_answer();
    }
    return std::move(outcome_);
  }

 private:
  /// Section 4.3.4: the stored response lives on, with the fields that came. An entity-tag is updated like
  /// any other field, as http-cache-tests requires (304-etag-update-response-ETag): the upstream was asked
  /// about one stored response only. The rule for reports is stricter (judge() in fetch_outcome).
  void keep_freshened() {
    Fields update = caching::storable_fields(answer_.fields);
    if (!update.contains("Date")) update.add("Date", http::format_date(received_at_));
    const Fields fields = caching::freshened(Fields::from_lines(request_.stored->head), update);
    // The freshened response is as old as the 304 is, not as what was stored.
    Fields timed = fields;
    for (const auto& field : answer_.fields.all()) {
      if (http::equal_ignoring_case(field.name, "Age")) timed.add("Age", field.value);
    }
    StoredResponse response = *request_.stored;
    response.head = fields.to_lines();
    set_times(response, timed, "GET");
    outcome_.response = caching::share(std::move(response));
    keep(without(outcome_.response, fields));
  }

  /// Section 4.3.5.
  void take_head() {
    outcome_.response = made_of(caching::storable_fields(answer_.fields), answer_.fields);
    const StoredResponsePtr& stored = request_.stored;
    if (!stored || answer_.status != 200 || stored->status != 200) return;
    if (caching::same_representation(Fields::from_lines(stored->head), stored->body->size(), answer_.fields))
      return keep_freshened();
    StoredResponse stale = *stored;
    stale.fresh_until = std::min(stale.fresh_until, received_at_);
    outcome_.to_store.push_back(caching::share(std::move(stale)));
  }

  void take_answer() {
    if (caching::invalidates(http_.method, answer_.status)) invalidate();
    const Fields fields = caching::storable_fields(answer_.fields);
    const Fields upstream_fields = answer_.fields;
    outcome_.response = made_of(fields, upstream_fields);
    keep(without(outcome_.response, fields));
  }

  /// The answer as a response; says whether it may be kept.
  StoredResponsePtr made_of(Fields fields, const Fields& upstream_fields) {
    StoredResponse response;
    response.key = http_.target;
    response.route = request_.route;
    response.account_id = request_.account_id;
    response.campaign_id = request_.campaign_id;
    response.status = answer_.status;
    response.fetched_at = received_at_;
    response.fresh_until = received_at_;
    response.usable_until = received_at_;
    if (!fields.contains("Date")) fields.add("Date", http::format_date(received_at_));
    set_times(response, upstream_fields, http_.method);
    if (http_.method == "HEAD") {
      if (const auto length = upstream_fields.find("Content-Length")) fields.add("Content-Length", *length);
    }
    response.head = fields.to_lines();
    response.body = answer_.held.keep(std::move(answer_.body));
    return caching::share(std::move(response));
  }

  /// Section 3: may it be stored, and for how long is it fresh?
  void set_times(StoredResponse& response, const Fields& fields, std::string_view method) {
    const auto directives = http::parse_response_directives(fields);
    withheld_ = directives.withheld;
    const caching::HttpStoring verdict = caching::storing_of_http(
        {.method = method,
         .has_authorization = http_.client.contains("Authorization") && !request_.upstream.inject_token,
         .request_no_store = http_.no_store,
         .content_location_is_target = content_location_is_target(),
         .range_forwarded = http_.range_forwarded,
         .better_kept = better_is_kept(response.status),
         .too_large = answer_.too_large,
         .sent_at = answer_.sent_at,
         .received_at = received_at_},
        response.status, fields, directives, policy_);
    outcome_.storing = verdict.storing;
    response.fetched_at = received_at_ - caching::initial_age(fields, answer_.sent_at, received_at_);
    if (!outcome_.stored()) return;
    response.fresh_until = verdict.lifetime.fresh_until;
    response.usable_until = verdict.lifetime.usable_until;
  }

  /// A stored response stands in for an error, and the whole for its part.
  [[nodiscard]] bool better_is_kept(unsigned status) const {
    const StoredResponse* const stored = request_.stored.get();
    if (status == 206) return stored != nullptr && stored->key == http_.target;
    return answer_.status >= 500 &&
           caching::may_stand_in_http(stored, caching::Failure::error_status, policy_, received_at_);
  }

  /// `response` less the fields that private and no-cache list: the client that caused it may see them.
  StoredResponsePtr without(const StoredResponsePtr& response, Fields fields) const {
    if (withheld_.empty()) return response;
    for (const auto& name : withheld_) fields.remove(name);
    StoredResponse kept = *response;
    if (!fields.contains("Date")) fields.add("Date", http::format_date(received_at_));
    kept.head = fields.to_lines();
    return caching::share(std::move(kept));
  }

  /// Puts `response` where later requests that match will find it, if it may be kept.
  void keep(const StoredResponsePtr& response) {
    if (!outcome_.stored()) return;
    // Read from all fields: a Vary counts even if the field itself is withheld.
    http::Vary vary = http::parse_vary(Fields::from_lines(outcome_.response->head));
    if (response->status == 206) vary.names.insert(std::ranges::lower_bound(vary.names, "range"), "range");
    if (vary.names.empty()) {
      StoredResponse plain = *response;
      plain.key = http_.target;
      outcome_.to_store.push_back(caching::share(std::move(plain)));
      return;
    }
    VariantIndex index = index_to_extend();
    index.add(vary.names);
    StoredResponse variant = *response;
    variant.key = index.key_for(http_.target, vary.names, http_.client);
    outcome_.to_store.push_back(caching::share(std::move(variant)));
    outcome_.to_store.push_back(index.to_stored(http_.target, request_.route));
  }

  /// The index that leads to a new variant. After an invalidation it must be a new index: the one before
  /// would lead to the responses that have just been made invalid.
  [[nodiscard]] VariantIndex index_to_extend() const {
    if (!http_.index) return VariantIndex(received_at_);
    if (outcome_.invalidated.empty()) return VariantIndex(*http_.index);
    return VariantIndex(std::max(received_at_, http_.index->fetched_at + std::chrono::milliseconds{1}));
  }

  /// Section 4.4: the target, and what Location and Content-Location name on this server.
  void invalidate() {
    add_keys(http_, request_.upstream.target, outcome_.invalidated);
    for (const std::string_view name : {"Location", "Content-Location"}) {
      const auto reference = answer_.fields.find(name);
      const auto target = reference
                              ? http::resolve_reference(*reference, request_.upstream.target, http_.hosts)
                              : std::nullopt;
      if (target) add_keys(http_, *target, outcome_.invalidated);
    }
  }

  /// Whether the request carried a condition of ours; a client's own never goes upstream with it.
  [[nodiscard]] bool was_conditional() const {
    if (!request_.stored) return false;
    const Fields stored = Fields::from_lines(request_.stored->head);
    return stored.contains("ETag") || stored.contains("Last-Modified");
  }

  [[nodiscard]] bool content_location_is_target() const {
    const auto location = answer_.fields.find("Content-Location");
    return location && http::resolve_reference(*location, request_.upstream.target, http_.hosts) ==
                           request_.upstream.target;
  }

  const FetchRequest& request_;
  const HttpFetch& http_;
  upstream::UpstreamResponse answer_;
  const caching::FreshnessPolicy& policy_;
  const WallTime received_at_;
  FetchOutcome outcome_;
  std::vector<std::string> withheld_;
};

}  // namespace

FetchOutcome judge_http(const FetchRequest& request, upstream::UpstreamResult result, WallTime received_at) {
  if (result) return Judge(request, std::move(*result), received_at).judge();
  FetchOutcome outcome;
  outcome.failure = result.error();
  // A write whose answer was lost may have been done.
  const bool sent = outcome.failure->error.source == ErrorSource::upstream;
  if (sent && caching::is_unsafe(request.http->method))
    add_keys(*request.http, request.upstream.target, outcome.invalidated);
  return outcome;
}

FetchOutcome judge_http_head(const FetchRequest& request, const upstream::AnswerHead& head, WallTime now) {
  upstream::UpstreamResponse beginning;
  beginning.status = head.status;
  beginning.fields = head.fields;
  beginning.sent_at = now;
  return judge_http(request, std::move(beginning), now);
}

}  // namespace roktcached::proxy
