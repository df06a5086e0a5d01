#include "server/proxy/proxy_handler.h"

#include <algorithm>

#include "core/formats/own_parameters.h"
#include "core/http/forwarding.h"
#include "core/http/target.h"
#include "core/rokt/sent_text.h"
#include "server/asio.h"
#include "server/http/access_log.h"
#include "server/http/problem.h"
#include "server/proxy/answers.h"
#include "server/proxy/own_pages.h"
#include "server/proxy/target_request.h"
#include "server/runtime.h"

namespace roktcached::proxy {

using http::Answer;
using http::Request;

namespace {

/// Whether the caller may see some accounts only.
bool is_limited(const Request& request) {
  return request.rules != nullptr && !request.rules->accounts.empty();
}

/// Whether the caller may see this account on this route. Checked before any look-up, so that the refusal
/// says nothing about what is cached. A caller that may see only some accounts sees no route that names none.
Result<void> check_account(const Request& request, std::string_view account_id) {
  if (!is_limited(request)) return {};
  const auto& accounts = request.rules->accounts;
  if (!account_id.empty() && std::ranges::find(accounts, account_id) != accounts.end()) return {};
  return Error{ErrorCode::account_not_allowed, false,
               account_id.empty() ? "this route names no account"
                                  : "account " + std::string(account_id) + " is none of this client's"};
}

/// Whether the request is for this server, whose routes alone it may ask about (RFC 9110, section 7.6.2).
/// TRACE is forwarded nowhere.
bool goes_no_further(const Request& request) {
  return request.method == "OPTIONS" && http::max_forwards(request.method, request.fields) == 0U;
}

/// The route of a refused request, for the log: the request was refused before its route was looked for, or
/// because of what it asks there. Empty: it has none.
std::string_view refused_on(const Request& request) {
  const auto target =
      request.runtime == nullptr ? Result<http::Target>(http::Target{}) : http::parse_target(request.target);
  if (!target || target->path.empty()) return {};
  std::string decoded;
  const std::string_view path = http::decode_unreserved(target->path, decoded);
  for (const std::string_view method :
       {std::string_view(request.method), std::string_view("GET"), std::string_view("POST")}) {
    if (const auto match = request.runtime->routes.match(method, path)) return match->route->name;
  }
  return {};
}

/// Only cached routes have parameters of this proxy's own. Elsewhere they would go upstream.
Result<void> check_for_own_parameters(const rokt::Route& route, std::string_view query) {
  if (!formats::may_have_own(query)) return {};
  for (const http::QueryParameter& parameter : http::parse_query(query)) {
    if (!formats::is_own(parameter.name)) continue;
    return Error{
        ErrorCode::invalid_request, false,
        "parameter: " + rokt::shown(parameter.name) + " on route " + route.name +
            "; accepted: names that begin with roktcached on report, metadata and query routes alone"};
  }
  return {};
}

/// The range that was chosen for the request.
void say_range(Answer& answer, const CacheRequest& cache_request) {
  const auto& presentation = cache_request.presentation;
  if (presentation && !presentation->report_range.empty())
    answer.field("Report-Range", presentation->report_range);
}

/// The answer to an OPTIONS for this server (RFC 9110, section 9.3.7).
Answer answer_options(std::string_view allowed_methods) {
  Answer answer;
  answer.status = 204;
  answer.field("Allow", allowed_methods);
  return answer;
}

}  // namespace

bool ProxyHandler::answer_now(Request& request, Answer& answer) {
  auto asked = read(request);
  ReportHandler::Looked looked;
  if (asked && asked->cache_request) {
    if (!wants_plain_json(asked->cache_request->presentation.get(), request.fields))
      return answer_presented_now(request, std::move(asked), answer);
    if (report_.answer_now(request, *asked->cache_request, looked, answer)) {
      remember(request, *asked, looked);
      return true;
    }
  }
  request.found = std::make_shared<const Found>(Found{std::move(asked), std::move(looked), {}, {}});
  return false;
}

/// The same, with a form or a range that the answer says.
bool ProxyHandler::answer_presented_now(Request& request, Result<Asked> asked, Answer& answer) {
  Found found{std::move(asked), {}, {}, {}};
  const CacheRequest& cache_request = *found.asked->cache_request;
  const auto format = format_wanted(cache_request.presentation.get(), request.fields);
  if (!format) {
    answer = problem(format.error(), request.id);
    answer.notes.route = cache_request.route->name;
    return true;
  }
  found.format = *format;
  request.as_stored = found.format != formats::Format::json;
  if (report_.answer_now(request, cache_request, found.looked, answer)) {
    remember(request, *found.asked, found.looked);
    say_range(answer, cache_request);
    if (!request.as_stored) return true;
    if (formatted_.finish_now(request, cache_request, found.format, answer)) return true;
    found.unformatted = std::move(answer);
    answer.clear();
  }
  request.found = std::make_shared<const Found>(std::move(found));
  return false;
}

/// Remembers only a request whose answer was in memory: one that is asked once in a while is not worth it. A
/// query is not remembered, since it also follows from its content.
void ProxyHandler::remember(const Request& request, const Asked& asked, const ReportHandler::Looked& looked) {
  if (!looked.in_memory || asked.remembered || asked.route->route_class == rokt::RouteClass::query) return;
  if (CacheRequestMemory* const memory = memory_for(request)) memory->remember(request, asked.cache_request);
}

asio::awaitable<Answer> ProxyHandler::handle(const Request& request) {
  return answer_asked(request, *static_cast<const Found*>(request.found.get()));
}

asio::awaitable<Answer> ProxyHandler::answer_asked(const Request& request, const Found& found) {
  const Result<Asked>& asked = found.asked;
  const bool on_a_path_of_ours = asked || asked.error().code == ErrorCode::method_not_allowed;
  std::string decoded;
  if (on_a_path_of_ours && goes_no_further(request)) {
    const auto path = http::decode_unreserved(http::parse_target(request.target)->path, decoded);
    return at_once(answer_options(request.runtime->routes.allowed_methods(path)));
  }
  if (!asked && asked.error().code == ErrorCode::unknown_route) {
    const auto path = http::decode_unreserved(http::parse_target(request.target)->path, decoded);
    if (auto page = own_page(request, path)) return at_once(std::move(*page));
  }
  if (!asked) return at_once(problem(asked.error(), request.id));
  const rokt::Route& route = *asked->route;
  switch (route.route_class) {
    case rokt::RouteClass::token: {
      Answer answer = answer_token_request(request);
      answer.notes.route = route.name;
      return at_once(std::move(answer));
    }
    case rokt::RouteClass::http:
      return http_.answer(request, {route, asked->credential, asked->account_id, asked->campaign_id});
    case rokt::RouteClass::off:
      return pass_.answer(request, route, asked->credential);
    case rokt::RouteClass::report:
    case rokt::RouteClass::metadata:
    case rokt::RouteClass::query:
      break;
  }
  return answer_report(request, found);
}

asio::awaitable<Answer> ProxyHandler::answer_report(const Request& request, const Found& found) {
  const CacheRequestPtr& cache_request = found.asked->cache_request;
  if (found.unformatted) return formatted_.finish(request, cache_request, found.format, *found.unformatted);
  if (request.as_stored || cache_request->presentation) return answer_presented(request, found);
  return report_.answer(request, cache_request, &found.looked);
}

/// With a form or a range that the answer says.
asio::awaitable<Answer> ProxyHandler::answer_presented(const Request& request, const Found& found) {
  const CacheRequestPtr cache_request = found.asked->cache_request;
  Answer answer = co_await report_.answer(request, cache_request, &found.looked);
  say_range(answer, *cache_request);
  if (!request.as_stored) co_return std::move(answer);
  co_return co_await formatted_.finish(request, cache_request, found.format, std::move(answer));
}

ProxyHandler::Asked ProxyHandler::remembered(const CacheRequestPtr& cache_request) {
  return {.route = cache_request->route,
          .credential = cache_request->credential,
          .cache_request = cache_request,
          .remembered = true};
}

/// Whether what was remembered is still what the request asks.
bool ProxyHandler::holds(const CacheRequest& cache_request) const {
  return !cache_request.presentation || cache_request.holds(services_.clock.wall_now());
}

/// Questions follow from the settings, so each snapshot begins with none.
/// @return null for a request that began under an earlier snapshot than another one here
CacheRequestMemory* ProxyHandler::memory_for(const Request& request) {
  const std::uint64_t number = request.runtime->number;
  if (number == questions_of_) return &cache_requests_;
  if (number < questions_of_) return nullptr;
  cache_requests_.forget_all();
  questions_of_ = number;
  return &cache_requests_;
}

Result<ProxyHandler::Asked> ProxyHandler::read(const Request& request) {
  const Runtime& runtime = *request.runtime;
  const bool of_these_settings = runtime.number == questions_of_;  // as nearly always: no call for a hit
  const CacheRequestMemory* const memory = of_these_settings ? &cache_requests_ : memory_for(request);
  // Only after it is known that the client may ask this: how soon it is refused would tell what others ask.
  const bool limited = is_limited(request);
  if (!limited && memory != nullptr) {
    if (const CacheRequestPtr& known = memory->find(request); known && holds(*known))
      return remembered(known);
  }
  const auto target = http::parse_target(request.target);
  if (!target) return target.error();
  std::string decoded;
  const std::string_view path = http::decode_unreserved(target->path, decoded);
  const auto match = runtime.routes.match(request.method, path);
  if (!match) return match.error();
  const rokt::Route& route = *match->route;
  if (const auto allowed = check_account(request, match->account_id); !allowed) return allowed.error();
  if (limited && memory != nullptr) {
    if (const CacheRequestPtr& known = memory->find(request); known && holds(*known))
      return remembered(known);
  }
  const auto credential =
      route.inject_token ? credential_of(runtime, match->account_id) : Result<std::size_t>(std::size_t{0});
  if (!credential) return credential.error();
  if (!rokt::is_kept_by_lifetimes(route.route_class)) {
    if (const auto none = check_for_own_parameters(route, target->query); !none) return none.error();
    return Asked{.route = &route,
                 .credential = *credential,
                 .account_id = std::string(match->account_id),
                 .campaign_id = std::string(match->campaign_id)};
  }
  const auto cache_request =
      cache_request_of(runtime, *match, *credential, {path, target->query}, request.fields, request.body,
                       {services_.clock.wall_now(), &services_.zones});
  if (!cache_request) return cache_request.error();
  return Asked{.route = &route, .credential = *credential, .cache_request = *cache_request};
}

/// The methods of the routes at the path. If no route has the path, those of any route: then the browser
/// sends the request, and the program learns why it is refused.
std::string ProxyHandler::methods_at(const Request& preflight) const {
  const rokt::RouteTable& routes = preflight.runtime->routes;
  const auto target = http::parse_target(preflight.target);
  std::string decoded;
  std::string methods =
      target ? routes.allowed_methods(http::decode_unreserved(target->path, decoded)) : std::string();
  return methods.empty() ? routes.all_methods() : methods;
}

void ProxyHandler::finished(const Request& request, const Answer& answer, const http::Written& written) {
  const SteadyTime now = services_.clock.steady_now();
  traffic_.add(answer.notes.route, answer.notes.outcome, answer.status, now - request.received_at);
  traffic_.add_body_bytes(answer.notes.outcome, written.content_bytes);
  if (written.cut != http::Cut::none) traffic_.add_cut(written.cut);
  if (answer.status >= 400 || answer.notes.outcome == http::CacheOutcome::stale_if_error) {
    traffic_.problems().add(services_.clock.wall_now(), request.client, answer.notes.route,
                            answer.notes.outcome, answer.status, problem_name(answer));
  }
  // Behind the counts of metrics: these are never less than those of the status, which come from here.
  const std::string& client =
      accounts_.add(request.client, answer.notes.route, answer.notes.outcome,
                    answer.notes.upstream.value_or(std::chrono::milliseconds{0}), request.rules != nullptr);
  if (answer.notes.key) accounts_.reports().add(*answer.notes.key, client, answer.notes.outcome, now);
  // A request that was refused as it was read has come to no settings.
  const bool wanted = request.runtime == nullptr || request.runtime->settings.log.access;
  if (!wanted) return;
  const bool is_refused = answer.notes.outcome == http::CacheOutcome::refused && answer.notes.route.empty();
  http::log_access(request, answer, written, is_refused ? refused_on(request) : answer.notes.route);
}

}  // namespace roktcached::proxy
