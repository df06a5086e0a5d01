#include "server/proxy/answers.h"

#include <optional>

#include "core/caching/decision.h"
#include "core/http/accept_encoding.h"
#include "core/http/date.h"
#include "core/http/fields.h"
#include "core/http/target.h"
#include "core/http/validators.h"
#include "server/access/caller.h"
#include "server/access/presented.h"
#include "server/access/token_request.h"
#include "server/asio.h"
#include "server/http/problem.h"
#include "server/proxy/prepared.h"
#include "server/proxy/streaming.h"

namespace roktcached::proxy {

using http::Answer;
using http::Request;

namespace {

constexpr std::size_t usual_head = 352;  // with an entity-tag of ours and every field that a hit can have

enum class Form { identity, gzip };

/// Whether If-Modified-Since says that the client has the response: against the Last-Modified that was sent
/// with it, and no other time (RFC 9110, section 13.1.3).
bool unmodified_since(const Request& request, const caching::StoredResponse& response, WallTime now) {
  if (!request.fields.contains("If-Modified-Since")) return false;
  return http::unmodified_since(request.fields, http::value_in_lines(response.head, "Last-Modified"), now);
}

/// The form of the response that the client has by what it says in If-None-Match, or in If-Modified-Since,
/// which does not count beside that: the one that it would be sent, or the other one, which is the same
/// content and was sent to it before. The 304 names the form that the client has, so that it takes no other
/// for confirmed (RFC 9111, section 4.3.4).
std::optional<Form> form_that_client_has(const Request& request, const caching::StoredResponse& response,
                                         Form sent, WallTime now) {
  if (response.status != 200) return std::nullopt;
  // These conditions speak of GET and HEAD alone (RFC 9110, sections 13.1.2 and 13.1.3).
  if (request.method != "GET" && request.method != "HEAD") return std::nullopt;
  if (!request.fields.contains("If-None-Match"))
    return unmodified_since(request, response, now) ? std::optional(sent) : std::nullopt;
  if (response.entity_tag.empty()) return std::nullopt;
  const std::string gzip_tag = gzip_entity_tag(response.entity_tag);
  for (const Form form : {sent, Form::identity, Form::gzip}) {
    const std::string_view tag = form == Form::gzip ? std::string_view(gzip_tag) : response.entity_tag.view();
    if (http::none_match_fails(request.fields, tag)) return form;
  }
  return std::nullopt;
}

void append_date(std::string& head, const caching::StoredResponse& response) {
  const std::string_view kept = response.date.of(response.fetched_at);
  if (kept.empty()) {
    head += http::format_date(response.fetched_at);
  } else {
    head += kept;
  }
}

void append_entity_tag(std::string& head, const caching::StoredResponse& response, Form form) {
  if (form == Form::gzip) {
    append_gzip_entity_tag(head, response.entity_tag);
  } else {
    head += response.entity_tag;
  }
}

}  // namespace

void answer_with(Answer& answer, const Request& request, const caching::StoredResponsePtr& response,
                 const http::CacheStatus& status, bool with_age, const caching::FreshnessPolicy& policy,
                 WallTime now) {
  const bool gzip = !request.as_stored && response->gzip_body && http::prefers_gzip(request.fields);
  const Form sent = gzip ? Form::gzip : Form::identity;
  const auto held = request.as_stored ? std::nullopt : form_that_client_has(request, *response, sent, now);
  answer.status = held ? 304 : response->status;
  std::string& head = answer.head;  // in few pieces: every hit is written here
  head.reserve(usual_head);
  head += "Date: ";
  append_date(head, *response);
  if (!response->entity_tag.empty() && !request.as_stored) {
    head += "\r\nETag: ";
    append_entity_tag(head, *response, held.value_or(sent));
  }
  head +=
      "\r\nCache-Control: private, no-cache"
      "\r\nVary: Accept, Accept-Encoding, rokt-version"
      "\r\nX-Frame-Options: SAMEORIGIN"  // for browsers that do not say what they ask for (Sec-Fetch-Dest)
      "\r\nCache-Status: ";
  http::append(head, status);
  if (with_age) head.append("\r\nAge: ").append(std::to_string(caching::age_of(*response, now).count()));
  if (response->range_end) {
    head.append("\r\nReport-State: ")
        .append(caching::to_string(
            caching::report_state(*response->range_end, response->fetched_at, policy.restatement_window)));
  }
  if (gzip && !held) head += "\r\nContent-Encoding: gzip";
  head += "\r\n";
  if (held) return;
  answer.stored = response;
  answer.shared_head = response->head;
  answer.body = gzip ? response->gzip_body : response->body;
}

void put_large_content(Answer& answer, const Request& request, GrowingAnswer::ReaderPtr content) {
  if (answer.status == 304) return;
  answer.body = nullptr;
  const auto length = content->length();
  if (request.method == "HEAD") {
    if (length) answer.field("Content-Length", std::to_string(*length));
    return;
  }
  answer.content_length = length;
  answer.content = content_of(std::move(content), request.departure);
}

asio::awaitable<Answer> at_once(Answer answer) {
  co_return std::move(answer);
}

Answer failure_answer(const Request& request, const upstream::UpstreamFailure& failure,
                      http::Forward reason) {
  Answer answer = problem(failure.error, request.id, failure.retry_after);
  answer.field("Cache-Status", http::to_string(http::CacheStatus{.forward = reason}));
  return answer;
}

Answer not_in_cache(const Request& request) {
  return problem({ErrorCode::not_in_cache, true, "only-if-cached, and nothing usable is stored"}, request.id);
}

Answer client_gone(const Request& request) {
  return problem({ErrorCode::client_gone, false, "the client has closed the connection"}, request.id);
}

std::string_view not_stored(const FetchOutcome& outcome) {
  return outcome.stored() ? std::string_view() : caching::name_of(outcome.storing);
}

http::CacheStatus status_of(const FetchResult& result, http::Forward reason, WallTime now) {
  const FetchOutcome& outcome = *result.outcome;
  http::CacheStatus status{
      .forward = reason,
      .stored = outcome.stored(),
      .collapsed = result.collapsed,
      .detail = outcome.stored() && outcome.of_fleet ? std::string_view("fleet") : not_stored(outcome)};
  if (outcome.upstream_status != outcome.response->status) status.forward_status = outcome.upstream_status;
  if (outcome.stored()) status.ttl = caching::ttl_of(*outcome.response, now);
  return status;
}

http::CacheOutcome outcome_of(const FetchResult& result) {
  if (result.content) return http::CacheOutcome::too_large;
  if (result.outcome->kind == AnswerKind::not_json) return http::CacheOutcome::not_json;
  if (result.collapsed || result.outcome->of_fleet) return http::CacheOutcome::collapsed;
  return result.outcome->upstream_status == 304 ? http::CacheOutcome::revalidated : http::CacheOutcome::miss;
}

void add_notes(Answer& answer, http::CacheOutcome outcome, const rokt::Route& route,
               const caching::Key& key) {
  answer.notes.outcome = outcome;
  answer.notes.route = route.name;
  answer.notes.key = key.hash();
}

Answer note(Answer answer, http::CacheOutcome outcome, const rokt::Route& route, const caching::Key& key) {
  add_notes(answer, outcome, route, key);
  return answer;
}

Answer answer_token_request(const Request& request) {
  const auto shown = access::present(request.fields, request.api_key);
  if (!shown) return problem(shown.error(), request.id);
  const auto asked = access::read_token_request(request.body, *shown);
  if (const auto* refusal = std::get_if<access::TokenRefusal>(&asked)) return access::token_refused(*refusal);
  const auto authorization = request.fields.find("Authorization");
  const bool named =
      !(authorization ? access::basic_id(*authorization) : access::form_id(request.body)).empty();
  return access::token_granted(access::local_token_for(named ? request.client : std::string()));
}

Answer answer_passed(unsigned status, const http::Fields& fields) {
  Answer answer;
  answer.status = status;
  static constexpr http::FieldNames not_passed("Set-Cookie", "Content-Length", "X-Request-Id");
  const http::HopByHopFields hop_by_hop(fields);
  for (const auto& field : fields.all()) {
    const bool dropped = not_passed.contain(field.name) || hop_by_hop.contain(field.name);
    if (!dropped) answer.field(field.name, field.value);
  }
  answer.field("Cache-Status", http::to_string(http::CacheStatus{.forward = http::Forward::bypass}));
  answer.notes.outcome = http::CacheOutcome::passed;
  return answer;
}

}  // namespace roktcached::proxy
