#include "server/proxy/formats/formatted_answers.h"

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <optional>
#include <utility>

#include "core/http/fields.h"
#include "core/http/validators.h"
#include "server/asio.h"
#include "server/http/problem.h"
#include "server/proxy/formats/presentation.h"

namespace roktcached::proxy {

using formats::Conversion;
using http::Answer;
using http::Request;

namespace {

/// How much is read or written before others have their turn: some tenths of a millisecond.
constexpr std::size_t step = std::size_t{64} << 10;
/// A shorter body is turned into another form at once.
constexpr std::size_t short_body = step;
/// A longer one is written as it is sent, and again for the next client.
constexpr std::size_t longest_kept = std::size_t{4} << 20;

/// The content that is written as it is sent.
class Written final : public http::ContentSource {
 public:
  /// @param begun  what has been written already
  Written(caching::StoredResponsePtr stored, Conversion conversion, std::string begun, bool finished)
      : stored_(std::move(stored)),
        conversion_(std::move(conversion)),
        begun_(std::move(begun)),
        finished_(finished) {}

  [[nodiscard]] asio::awaitable<Result<std::optional<http::ContentPiece>>> next() override {
    std::string text = std::exchange(begun_, {});
    while (text.empty() && !finished_) finished_ = conversion_.write(text, step);
    if (text.empty()) co_return std::optional<http::ContentPiece>();
    auto piece = std::make_shared<const std::string>(std::move(text));
    const std::string_view bytes = *piece;
    co_return http::ContentPiece{std::move(piece), bytes};
  }

 private:
  const caching::StoredResponsePtr stored_;  // the conversion reads its body
  Conversion conversion_;
  std::string begun_;
  bool finished_;
};

/// Fields of the stored answer that would not be true of another form.
bool is_true_of_json_alone(std::string_view name) {
  static constexpr http::FieldNames names("Content-Type", "Content-Encoding", "Content-MD5", "Content-Length",
                                          "Content-Range", "Content-Disposition", "Digest", "Content-Digest",
                                          "Repr-Digest", "Last-Modified", "Accept-Ranges");
  return names.contain(name);
}

/// Whether there is something to give another form to.
bool is_a_stored_report(const Answer& answer) {
  constexpr unsigned ok = 200;
  return answer.status == ok && answer.stored && answer.stored->status == ok;
}

/// The same answer as a refusal.
Answer refusal(const Error& error, const Request& request, const Answer& answer) {
  Answer refused = problem(error, request.id);
  refused.notes.route = answer.notes.route;
  refused.notes.key = answer.notes.key;
  refused.notes.upstream = answer.notes.upstream;
  return refused;
}

/// Why an answer has no other form, though it was asked for; empty: it has one.
std::optional<Error> no_other_form(const Answer& answer) {
  const auto refused = [](std::string_view why) {
    return Error{ErrorCode::not_acceptable, false, "the answer is no table: " + std::string(why)};
  };
  if (answer.notes.outcome == http::CacheOutcome::not_json)
    return refused("the upstream's answer is no JSON");
  if (answer.content || answer.notes.outcome == http::CacheOutcome::too_large)
    return refused(
        "it is longer than upstream.max_response, and not kept; it can be had as application/json");
  return std::nullopt;
}

/// A request for a form that the client has already (RFC 9110, section 13.1.2).
bool client_has(const Request& request, std::string_view tag) {
  const bool reads = request.method == "GET" || request.method == "HEAD";
  return reads && request.fields.contains("If-None-Match") && http::none_match_fails(request.fields, tag);
}

/// The answer's head in its new form; its content is the caller's to set.
void begin_form(Answer& answer, formats::Format format, std::string_view tag) {
  answer.field("ETag", tag);
  const auto stored = http::Fields::from_lines(answer.shared_head);
  for (const http::Field& field : stored.all()) {
    if (!is_true_of_json_alone(field.name)) answer.field(field.name, field.value);
  }
  answer.field("Content-Type", formats::media_type_of(format));
  answer.shared_head = {};
  answer.body = nullptr;
}

void answer_not_modified(Answer& answer, std::string_view tag) {
  answer.field("ETag", tag);
  answer.status = 304;
  answer.shared_head = {};
  answer.body = nullptr;
}

/// A form on its way: known by its tag.
struct ChosenForm {
  std::vector<formats::AddedColumn> added;
  std::string tag;
};

ChosenForm form_of(const Answer& answer, const CacheRequest& cache_request, formats::Format format) {
  ChosenForm form;
  form.added = added_columns(cache_request.presentation.get(), *answer.stored, *cache_request.policy);
  form.tag = tag_of_form(answer.stored->entity_tag.view(), format, form.added);
  return form;
}

}  // namespace

bool FormattedAnswers::finish_now(const Request& request, const CacheRequest& cache_request,
                                  formats::Format format, Answer& answer) {
  if (!is_a_stored_report(answer)) return true;
  if (const auto error = no_other_form(answer)) {
    answer = refusal(*error, request, answer);
    return true;
  }
  ChosenForm form = form_of(answer, cache_request, format);
  if (client_has(request, form.tag)) {
    answer_not_modified(answer, form.tag);
    return true;
  }
  auto text = kept_.find(*answer.stored, form.tag);
  if (!text) {
    const caching::StoredResponse& stored = *answer.stored;
    if (stored.body->size() > short_body) return false;
    Conversion conversion(*stored.body, format, std::move(form.added));
    for (bool surveyed = false; !surveyed;) {
      const auto all = conversion.survey(step);
      if (!all) {
        answer = refusal(all.error(), request, answer);
        return true;
      }
      surveyed = *all;
    }
    std::string written;
    if (!conversion.write(written, step)) return false;  // it grows, and is long after all
    storage::BodyAccount::Growing room(bodies_);
    const bool counted = room.try_add(written.size());
    text = counted ? room.share(std::move(written)) : caching::share_body(std::move(written));
    if (counted) kept_.keep(stored, form.tag, text);
  }
  begin_form(answer, format, form.tag);
  answer.body = std::move(text);
  return true;
}

asio::awaitable<Answer> FormattedAnswers::finish(const Request& request, CacheRequestPtr cache_request,
                                                 formats::Format format, Answer answer) {
  if (finish_now(request, *cache_request, format, answer)) co_return std::move(answer);
  ChosenForm form = form_of(answer, *cache_request, format);
  const caching::StoredResponsePtr stored = answer.stored;
  Conversion conversion(*stored->body, format, std::move(form.added));
  const auto executor = co_await asio::this_coro::executor;
  while (true) {
    const auto all = conversion.survey(step);
    if (!all) co_return refusal(all.error(), request, answer);
    if (*all) break;
    co_await asio::post(executor, asio::use_awaitable);
  }
  std::string text;
  storage::BodyAccount::Growing room(bodies_);
  bool finished = false;
  bool kept = stored->body->size() <= longest_kept && request.method != "HEAD";
  while (kept && !finished) {
    const std::size_t before = text.size();
    finished = conversion.write(text, step);
    kept = text.size() <= 2 * longest_kept && room.try_add(text.size() - before);
    if (!finished) co_await asio::post(executor, asio::use_awaitable);
  }
  begin_form(answer, format, form.tag);
  if (kept) {
    answer.body = room.share(std::move(text));
    kept_.keep(*stored, form.tag, answer.body);
  } else if (request.method != "HEAD") {
    answer.content = std::make_shared<Written>(stored, std::move(conversion), std::move(text), finished);
  }
  co_return std::move(answer);
}

}  // namespace roktcached::proxy
