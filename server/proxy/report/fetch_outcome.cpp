#include "server/proxy/report/fetch_outcome.h"

#include <string_view>

#include "core/caching/decision.h"
#include "core/http/validators.h"
#include "server/proxy/report/json_diff.h"
#include "server/proxy/report/query_time.h"
#include "server/proxy/report/report_body.h"

namespace roktcached::proxy {

using caching::StoredResponse;

namespace {

constexpr std::string_view if_none_match = "If-None-Match: ";

/// Whether a 304 is about what is stored.
bool is_about(const http::Fields& not_modified, std::string_view validator) {
  if (!validator.starts_with(if_none_match)) return true;
  return !http::names_another(not_modified, validator.substr(if_none_match.size()));
}

/// Appends the field that asks the upstream whether its answer still holds (RFC 9110, section 13.1), from
/// what it sent; nothing if it has sent nothing for that.
void append_validator(std::string& validator, const http::Fields& fields, WallTime sent_at) {
  const auto tag = fields.find("ETag");
  const auto value = tag ? tag : fields.find("Last-Modified");
  if (!value || (!tag && !http::modified_well_before(fields, sent_at, sent_at))) return;
  const std::string_view condition = tag ? if_none_match : "If-Modified-Since: ";
  validator.append(condition).append(*value);
}

/// The upstream's entity-tag where it is a strong one, else one made from the body: what we serve is byte for
/// byte one thing, so its tag is strong. A body that is still to come has none.
void append_entity_tag(std::string& text, const upstream::UpstreamResponse& answer) {
  const auto tag = answer.fields.find("ETag");
  const bool strong = tag && tag->size() >= 2 && tag->front() == '"' && tag->back() == '"';
  if (strong) {
    text += *tag;
  } else if (!answer.large) {
    text += http::entity_tag_of(answer.body);
  }
}

/// The texts of a response.
struct Words {
  std::string head;
  std::string entity_tag;
  std::string validator;
};

/// A thread keeps the room that they take for the next ones.
/// @return they last until the thread calls this again
const Words& words_of(const upstream::UpstreamResponse& answer) {
  static thread_local Words words;
  words.head.clear();
  words.entity_tag.clear();
  words.validator.clear();
  caching::append_end_to_end_lines(words.head, answer.fields);
  append_entity_tag(words.entity_tag, answer);
  append_validator(words.validator, answer.fields, answer.sent_at);
  return words;
}

/// Whether the answer is the beginning of the stored body, and nothing but the end of its connection has
/// ended it: then it was cut between two values. Without a stored body nobody can tell.
bool is_cut(const FetchRequest& request, const upstream::UpstreamResponse& answer) {
  if (!answer.ends_with_connection || answer.large || !request.stored || request.stored->status != 200)
    return false;
  const std::string_view stored = *request.stored->body;
  return answer.body.size() < stored.size() && stored.starts_with(answer.body);
}

/// @pre a 304 confirms request.stored
AnswerKind kind_of(const FetchRequest& request, const upstream::UpstreamResponse& answer) {
  if (answer.status == 304) return request.stored->status == 200 ? AnswerKind::report : AnswerKind::other;
  const bool success = answer.status >= 200 && answer.status <= 299;
  const bool negative = answer.status == 400 || answer.status == 404;
  if (!success && !negative) return AnswerKind::other;
  const bool json = answer.large ? may_begin_json(answer.large->beginning()) : is_whole_json(answer.body);
  if (!json || is_cut(request, answer)) return success ? AnswerKind::not_json : AnswerKind::gateway_page;
  return answer.status == 200 ? AnswerKind::report : AnswerKind::other;
}

/// Whether a report is stored that may still stand in.
bool has_stand_in(const FetchRequest& request, WallTime now) {
  return request.stored && request.stored->status == 200 &&
         caching::may_stand_in(request.stored.get(), request.policy, now);
}

/// All of it but its texts, which are written when it is shared.
StoredResponse from_answer(const FetchRequest& request, upstream::UpstreamResponse& answer) {
  StoredResponse response;
  response.status = answer.status;
  response.fetched_at = answer.sent_at;
  const bool unchanged = !answer.large && request.stored && *request.stored->body == answer.body;
  response.body = unchanged ? request.stored->body : answer.held.keep(std::move(answer.body));
  if (unchanged) response.gzip_body = request.stored->gzip_body;
  return response;
}

/// RFC 9111, section 4.3.4: what was stored lives on, from now; and so does its validator, since another
/// would have been given to another body.
StoredResponse confirmed(const FetchRequest& request, const upstream::UpstreamResponse& answer) {
  StoredResponse response = *request.stored;
  response.fetched_at = answer.sent_at;
  return response;
}

caching::StoredResponsePtr share(StoredResponse&& response, const FetchRequest& request, const Words& words) {
  const caching::Texts texts{.key = request.key,
                             .route = request.route,
                             .account_id = request.account_id,
                             .campaign_id = request.campaign_id,
                             .head = words.head,
                             .entity_tag = words.entity_tag,
                             .validator = words.validator};
  return caching::share(std::move(response), texts);
}

/// Whether the answer says the same as the stored one.
bool tells_the_same(const FetchRequest& request, const StoredResponse& response) {
  if (!request.stored || request.stored->status != response.status) return false;
  if (request.stored->body == response.body) return true;
  return request.route_class == rokt::RouteClass::query &&
         same_but_for_query_time(*request.stored->body, *response.body);
}

std::string moved_between(const FetchRequest& request, const StoredResponse& response) {
  const std::string_view before = *request.stored->body;
  if (request.route_class != rokt::RouteClass::query) return moved_fields(before, *response.body);
  return moved_fields(without_query_time(before), without_query_time(*response.body));
}

/// The restatements of the stored response, with one more if `response` changes its numbers.
std::shared_ptr<const caching::Restated> history_of(const FetchRequest& request,
                                                    const StoredResponse& response, bool restates) {
  const StoredResponse& stored = *request.stored;
  if (!restates) return stored.restated;
  const std::uint64_t times = stored.restated ? stored.restated->times : 0;
  return std::make_shared<const caching::Restated>(
      caching::Restated{times + 1, response.fetched_at, moved_between(request, response)});
}

/// Why there is no answer; nothing where there is one.
std::optional<upstream::UpstreamFailure> failure_of(const FetchRequest& request,
                                                    const upstream::UpstreamResult& result) {
  const auto invalid = [](const char* why) {
    return upstream::UpstreamFailure{{ErrorCode::upstream_invalid_response, true, why, ErrorSource::upstream},
                                     std::nullopt};
  };
  if (!result) return result.error();
  if (result->status != 304) return std::nullopt;
  if (!request.stored || request.stored->validator.empty())
    return invalid("304 to a request without a validator");
  if (!is_about(result->fields, request.stored->validator))
    return invalid("304 with another entity-tag than it was asked about");
  return std::nullopt;
}

}  // namespace

FetchOutcome judge(const FetchRequest& request, upstream::UpstreamResult&& result) {
  FetchOutcome outcome;
  outcome.failure = failure_of(request, result);
  if (outcome.failure) return outcome;
  const caching::FreshnessPolicy& policy = request.policy;
  outcome.upstream_status = result->status;
  const bool confirms = result->status == 304;
  outcome.kind = kind_of(request, *result);
  const bool too_large = result->large != nullptr;
  const bool is_report = outcome.kind == AnswerKind::report;
  const Words* const words = confirms ? nullptr : &words_of(*result);
  StoredResponse response = confirms ? confirmed(request, *result) : from_answer(request, *result);
  response.range_end = is_report ? request.range_end : std::nullopt;
  const bool unchanged = !too_large && tells_the_same(request, response);
  if (unchanged)
    response.steady_refreshes =
        caching::steady_refreshes_after(*request.stored, request.range_end, response.fetched_at, policy);
  const auto lifetime = caching::lifetime_of(request.route_class, response.status, request.range_end,
                                             response.fetched_at, policy, response.steady_refreshes);
  outcome.storing = caching::storing_of_report(
      {.status = response.status,
       .too_large = too_large,
       .not_json = outcome.kind == AnswerKind::not_json,
       .better_kept = response.status != 200 && has_stand_in(request, response.fetched_at),
       .request_no_store = !request.may_store,
       .has_lifetime = lifetime.has_value()});
  if (outcome.stored()) {
    response.fresh_until = lifetime->fresh_until;
    response.usable_until = lifetime->usable_until;
    if (request.stored && is_report) {
      outcome.restates = !unchanged && caching::would_restate(*request.stored, policy);
      response.restated = history_of(request, response, outcome.restates);
    }
  }
  response.date.make(response.fetched_at);  // while it needs no copy for that
  outcome.response =
      words == nullptr ? caching::share(std::move(response)) : share(std::move(response), request, *words);
  if (outcome.stored()) outcome.to_store.push_back(outcome.response);
  return outcome;
}

bool gives_way(const FetchOutcome& outcome) {
  if (!outcome.response) return true;
  const unsigned status = outcome.response->status;
  if (status < 400) return outcome.kind != AnswerKind::report;
  if (outcome.kind == AnswerKind::gateway_page) return true;
  return status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

}  // namespace roktcached::proxy
