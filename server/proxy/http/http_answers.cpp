#include <fmt/format.h>

#include "core/caching/decision.h"
#include "core/caching/http_rules.h"
#include "core/http/date.h"
#include "core/http/range.h"
#include "core/http/validators.h"
#include "server/proxy/answers.h"
#include "server/proxy/streaming.h"

namespace roktcached::proxy {

using http::Answer;
using http::Fields;
using http::RangeRequest;
using http::Request;

namespace {

/// A part of a whole response (RFC 9110, section 15.3.7), or none of it (section 15.5.17).
Answer part_of(const caching::StoredResponse& response, const RangeRequest& range) {
  Answer answer;
  const std::string_view whole = *response.body;
  if (range.kind == RangeRequest::Kind::unsatisfiable) {
    answer.status = 416;
    answer.field("Content-Range", fmt::format("bytes */{}", whole.size()));
    answer.body = caching::no_body();
    return answer;
  }
  answer.status = 206;
  answer.shared_head = response.head;
  answer.field("Content-Range", fmt::format("bytes {}-{}/{}", range.first, range.last, whole.size()));
  answer.body = response.body;
  answer.part = whole.substr(range.first, range.last - range.first + 1);
  return answer;
}

Answer whole_of(const caching::StoredResponse& response) {
  Answer answer;
  answer.status = response.status;
  answer.shared_head = response.head;
  answer.body = response.body;
  return answer;
}

Answer not_modified(const Fields& stored) {
  Answer answer;
  answer.status = 304;
  for (const auto& field : stored.all()) {
    if (http::belongs_in_not_modified(field.name)) answer.field(field.name, field.value);
  }
  return answer;
}

Answer chosen(const Request& request, const caching::StoredResponse& response, WallTime now) {
  const bool retrieves = request.method == "GET" || request.method == "HEAD";
  if (!retrieves || response.status != 200) return whole_of(response);
  const bool conditional =
      request.fields.contains("If-None-Match") || request.fields.contains("If-Modified-Since");
  const bool partial = request.method == "GET" && request.fields.contains("Range");
  if (!conditional && !partial) return whole_of(response);
  const Fields stored = Fields::from_lines(response.head);
  if (http::is_not_modified(request.fields, stored, now)) return not_modified(stored);
  const RangeRequest range =
      partial ? http::range_of(request.fields, stored, response.body->size(), now) : RangeRequest{};
  return range.kind == RangeRequest::Kind::none ? whole_of(response) : part_of(response, range);
}

}  // namespace

Answer answer_http_with(const Request& request, const caching::StoredResponsePtr& response,
                        const http::CacheStatus& status, bool with_age, WallTime now) {
  Answer answer = chosen(request, *response, now);
  answer.stored = response;
  // The answer to a HEAD that went upstream has its length as a field, and no content to have one of.
  const bool headless = request.method == "HEAD" && response->body->empty();
  if (headless) answer.body = nullptr;
  const auto age = caching::age_of(*response, now);
  if (with_age || age.count() > 0) answer.field("Age", std::to_string(age.count()));
  answer.field("Cache-Status", http::to_string(status));
  return answer;
}

Answer answer_streamed(const Request& request, upstream::AnswerHead head, GrowingAnswer::ReaderPtr content,
                       const http::CacheStatus& status, WallTime now) {
  Fields fields = caching::storable_fields(head.fields);
  if (!fields.contains("Date")) fields.add("Date", http::format_date(now));
  if (const auto age = caching::age_value(head.fields)) fields.add("Age", std::to_string(age->count()));
  const bool retrieves = request.method == "GET" || request.method == "HEAD";
  const bool unchanged =
      retrieves && head.status == 200 && http::is_not_modified(request.fields, fields, now);
  Answer answer;
  answer.status = head.status;
  if (unchanged) {
    content->leave_for_others();
    answer = not_modified(fields);
  } else {
    answer.head = fields.to_lines();
    answer.content = content_of(std::move(content), request.departure);
    answer.content_length = head.length;
  }
  answer.field("Cache-Status", http::to_string(status));
  return answer;
}

}  // namespace roktcached::proxy
