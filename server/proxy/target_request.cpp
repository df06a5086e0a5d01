#include "server/proxy/target_request.h"

#include <memory>

#include "core/rokt/parameters.h"
#include "core/rokt/query_body.h"
#include "core/rokt/sent_text.h"
#include "server/access/presented.h"
#include "server/http/request_target.h"
#include "server/proxy/question.h"
#include "server/proxy/services.h"

namespace roktcached::proxy {

namespace {

/// Reads the content of a request to a query route.
Result<rokt::QueryBody> read_query(const http::Fields& fields, std::string_view content,
                                   const rokt::ParameterRules& rules, const rokt::RouteMatch& match,
                                   const Circumstances& circumstances) {
  if (!http::says_json(fields)) {
    const std::string type = fields.combined("Content-Type");
    return Error{ErrorCode::unsupported_media_type, false,
                 "Content-Type: " + (type.empty() ? "is missing" : rokt::shown(type)) +
                     "; accepted: application/json"};
  }
  const auto* const zones = circumstances.zones;
  return rokt::read_query_body(content, rules,
                               zones != nullptr ? zones->zone_of(match.account_id) : std::nullopt);
}

/// The match for a method, else for the first one that is served there.
Result<rokt::RouteMatch> match_any_method(const rokt::RouteTable& routes, std::string_view path,
                                          std::string_view method) {
  auto match = routes.match(method, path);
  if (match || match.error().code != ErrorCode::method_not_allowed) return match;
  const std::string allowed = match.error().context;  // "POST", or "POST, PUT"
  return routes.match(std::string_view(allowed).substr(0, allowed.find(',')), path);
}

/// Names what came beside what is wrong with it.
Error wrong_target(ErrorCode code, std::string_view came, std::string_view accepted) {
  constexpr std::size_t longest_quote = 80;
  std::string context = "target = \"";
  context.append(came.substr(0, longest_quote)).append("\": ").append(accepted);
  return {.code = code, .context = std::move(context)};
}

Error wrong_content(const std::string& what) {
  return {.code = ErrorCode::invalid_request, .context = "content: " + what};
}

}  // namespace

Result<CacheRequestPtr> cache_request_of(const Runtime& runtime, const rokt::RouteMatch& match,
                                         std::size_t credential, const http::Target& target,
                                         const http::Fields& fields, std::string_view content,
                                         const Circumstances& circumstances) {
  const config::Settings& settings = runtime.settings;
  const auto query_parameters = http::parse_query(target.query);
  const auto question =
      Question::read(*match.route, query_parameters, settings.parameters, circumstances.now);
  if (!question) return question.error();
  const auto parameters = question->parameters();
  const auto checked = rokt::check_parameters(*match.route, parameters, settings.parameters);
  if (!checked) return checked.error();
  const auto version = caching::requested_version(fields);
  if (!version) return version.error();
  CacheRequest asked{.route = match.route,
                     .account_id = std::string(match.account_id),
                     .campaign_id = std::string(match.campaign_id),
                     .credential = credential,
                     .key = {},
                     .range_end = {},
                     .policy = &runtime.policies.policy_for(match.route->name, match.account_id),
                     .presentation = question->presentation()};
  const std::string& credential_name = settings.credentials[credential].name;
  if (match.route->route_class == rokt::RouteClass::query) {
    auto query = read_query(fields, content, settings.parameters, match, circumstances);
    if (!query) return query.error();
    const std::string path = rokt::upstream_path(*match.route, target.path);
    asked.key = caching::key_of(credential_name, path, parameters, *version, query->canonical);
    asked.range_end = query->range_end;
  } else {
    asked.key = caching::key_of(credential_name, target.path, parameters, *version);
    asked.range_end = checked->range_end;
  }
  return CacheRequestPtr(std::make_shared<const CacheRequest>(std::move(asked)));
}

Result<std::string> origin_form_of(std::string_view target) {
  std::string origin_form;
  const bool encrypted = target.starts_with("https:");
  if (!http::read_target("GET", target, encrypted, origin_form))
    return wrong_target(ErrorCode::invalid_request, target.substr(0, target.find('?')),
                        "accepted: a path that begins with '/', or an http or https URL");
  if (const auto key = access::take_api_key(origin_form); !key) return key.error();
  return origin_form;
}

Result<TargetRequest> read_target_request(const Runtime& runtime, std::string_view target,
                                          std::string_view rokt_version, const Circumstances& circumstances,
                                          std::string_view content) {
  const auto origin_form = origin_form_of(target);
  if (!origin_form) return origin_form.error();
  const auto parsed = http::parse_target(*origin_form);
  if (!parsed) return parsed.error();
  std::string decoded;
  const std::string_view path = http::decode_unreserved(parsed->path, decoded);
  const auto match = match_any_method(runtime.routes, path, content.empty() ? "GET" : "POST");
  if (!match)
    return wrong_target(match.error().code, path,
                        "no route has this path; accepted: those that `roktcached routes` prints");
  TargetRequest request{match->route, std::string(match->account_id), std::string(match->campaign_id), {}};
  const bool is_question = match->route->route_class == rokt::RouteClass::query;
  if (is_question && content.empty())
    return wrong_content("is missing; accepted: the question to the Query API as JSON (explain --body FILE)");
  if (!is_question && !content.empty())
    return wrong_content("is for a question to the Query API, and " + match->route->name +
                         " is none; accepted: no content (explain without --body)");
  if (!rokt::is_kept_by_lifetimes(match->route->route_class)) return request;
  const auto credential = credential_of(runtime, match->account_id);
  if (!credential) return credential.error();
  http::Fields fields;
  if (!rokt_version.empty()) fields.add("rokt-version", rokt_version);
  fields.add("Content-Type", "application/json");
  const auto cache_request =
      cache_request_of(runtime, *match, *credential, {path, parsed->query}, fields, content, circumstances);
  if (!cache_request) return cache_request.error();
  request.cache_request = *cache_request;
  return request;
}

}  // namespace roktcached::proxy
