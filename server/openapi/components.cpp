#include "server/openapi/components.h"

#include <boost/json/parse.hpp>
#include <string>
#include <string_view>

#include "core/rokt/moving_dates.h"
#include "core/rokt/parameters.h"

namespace roktcached::openapi {

namespace json = boost::json;

namespace {

/// For the upstream's own answers nothing is promised. Their ids are strings, as everywhere.
constexpr std::string_view schemas = R"json({
  "Id": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
  "AnyJson": {"description": "The upstream's, byte for byte: an object, an array, or a list of rows"},
  "Problem": {"type": "object", "description": "RFC 9457", "required": ["type", "title", "status"],
    "properties": {"type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
      "detail": {"type": "string"}, "requestId": {"type": "string"}}},
  "TokenRequest": {"type": "object", "required": ["grant_type"],
    "properties": {"grant_type": {"type": "string", "const": "client_credentials"},
      "client_id": {"type": "string"}, "client_secret": {"type": "string"}}},
  "Token": {"type": "object", "required": ["access_token", "token_type", "expires_in"],
    "properties": {"access_token": {"type": "string"}, "token_type": {"type": "string"},
      "expires_in": {"type": "integer", "description": "Seconds"}}},
  "TokenError": {"type": "object", "required": ["error"],
    "properties": {"error": {"type": "string"}, "error_description": {"type": "string"}}},
  "Readiness": {"type": "object", "required": ["status", "degraded"],
    "properties": {
      "status": {"type": "string", "enum": ["ready", "degraded", "draining"]},
      "degraded": {"type": "array", "items": {"type": "object", "required": ["part", "reason"],
        "properties": {"part": {"type": "string"}, "name": {"type": "string"}, "reason": {"type": "string"}}}},
      "parts": {"type": "array", "items": {"type": "object", "required": ["part", "state"],
        "properties": {"part": {"type": "string"}, "name": {"type": "string"},
          "state": {"type": "string", "enum": ["ok", "degraded"]}, "reason": {"type": ["string", "null"]}}}}}},
  "Status": {"type": "object", "required": ["version", "uptime_s", "readiness"],
    "properties": {"version": {"type": "string"}, "uptime_s": {"type": "integer"},
      "readiness": {"$ref": "#/components/schemas/Readiness"},
      "listeners": {"type": "array", "items": {"type": "object"}},
      "connections": {"type": "integer"}, "max_connections": {"type": "integer"},
      "requests": {"type": "object", "additionalProperties": {"type": "integer"}},
      "clients": {"type": "array", "items": {"type": "object"}},
      "cache": {"type": "object", "additionalProperties": {"type": "object"}},
      "fleet": {"$ref": "#/components/schemas/Fleet"},
      "upstream": {"type": "object"}, "reloads": {"type": "object"}}},
  "Fleet": {"type": "object", "description": "With [fleet] alone",
    "required": ["engine", "instance", "state", "members", "members_known", "purges_due", "clock_skew_ms", "link",
      "fetches", "tokens_taken"],
    "properties": {"engine": {"type": "string"}, "instance": {"type": "string"},
      "state": {"type": "string", "enum": ["together", "alone"]},
      "trouble": {"type": "string", "description": "Why it is alone"},
      "members": {"type": "integer", "minimum": 1, "description": "Instances that are there"},
      "members_known": {"type": "integer", "minimum": 1, "description": "Those, and the ones that are away"},
      "purges_due": {"type": "integer", "minimum": 0, "description": "Purges that are not done here yet"},
      "clock_skew_ms": {"type": "integer", "description": "How far the engine's clock is ahead"},
      "link": {"type": "object", "additionalProperties": {"type": "number"}},
      "fetches": {"type": "object", "additionalProperties": {"type": "integer"}},
      "tokens_taken": {"type": "integer"}}}
})json";

/// The schemas of what the admin listener lists and changes.
constexpr std::string_view schemas_of_changes = R"json({
  "Entry": {"type": "object", "required": ["key", "route", "account", "campaign"],
    "properties": {"key": {"type": "string", "pattern": "^[0-9a-f]{32}$"}, "key_text": {"type": "string"},
      "route": {"type": "string"}, "account": {"type": "string"}, "campaign": {"type": "string"},
      "status": {"type": "integer"}, "bytes": {"type": "integer"}, "state": {"type": "string"},
      "fresh": {"type": "boolean"}, "fetched_at_unix_ms": {"type": "integer"},
      "fresh_until_unix_ms": {"type": "integer"}, "restated": {"type": ["object", "null"]},
      "asked": {"type": "integer"}, "from_cache": {"type": "integer"},
      "asked_by": {"type": "array", "items": {"type": "object", "properties": {"client": {"type": "string"},
        "asked": {"type": "integer"}, "last_asked_at_unix_ms": {"type": "integer"}}}}}},
  "Entries": {"type": "object", "required": ["entries"],
    "properties": {"entries": {"type": "array", "items": {"$ref": "#/components/schemas/Entry"}}}},
  "Purge": {"type": "object", "minProperties": 1, "additionalProperties": false,
    "description": "One of all, account, route, target and key",
    "properties": {"all": {"type": "boolean", "const": true},
      "account": {"$ref": "#/components/schemas/Id"}, "campaign": {"$ref": "#/components/schemas/Id"},
      "route": {"type": "string"}, "target": {"type": "string", "pattern": "^/"},
      "key": {"type": "string", "pattern": "^[0-9a-f]{32}$"}, "soft": {"type": "boolean"}}},
  "Warm": {"type": "object", "required": ["targets"], "additionalProperties": false,
    "properties": {
      "targets": {"type": "array", "minItems": 1, "items": {"type": "string"}},
      "rokt_version": {"type": "string"}}},
  "Question": {"type": "object",
    "description": "A question to the Query API: startDate, endDate, metrics, dimensions and so on"},
  "Purged": {"type": "object", "required": ["purged"], "dependentRequired": {"confirmed": ["instances"]},
    "properties": {"purged": {"type": "integer"},
      "confirmed": {"type": "integer", "minimum": 1,
        "description": "With a fleet: instances that have done it, this one among them"},
      "instances": {"type": "integer", "minimum": 1, "description": "With a fleet: instances that there are"}}},
  "Reload": {"type": "object", "required": ["result", "error", "changed", "needs_restart"],
    "properties": {"result": {"type": "string", "enum": ["success", "failure"]},
      "error": {"type": ["string", "null"]}, "changed": {"type": "array", "items": {"type": "string"}},
      "needs_restart": {"type": "array", "items": {"type": "string"}}}}
})json";

constexpr std::string_view shared_responses = R"json({
  "Report": {"description": "The report",
    "headers": {
      "Age": {"schema": {"type": "integer"}, "description": "Seconds since it was fetched"},
      "ETag": {"schema": {"type": "string"}},
      "Cache-Status": {"schema": {"type": "string"}, "description": "RFC 9211"},
      "Report-State": {"schema": {"type": "string", "enum": ["open", "restating", "settled"]}},
      "Report-Range": {"schema": {"type": "string"},
        "description": "dateStart/dateEnd, where roktcached-dates or parameters.open_end_step has chosen them"}},
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/AnyJson"}},
      "text/csv": {"schema": {"type": "string"}}, "application/x-ndjson": {"schema": {"type": "string"}}}},
  "Metadata": {"description": "The metadata",
    "headers": {
      "Age": {"schema": {"type": "integer"}, "description": "Seconds since it was fetched"},
      "ETag": {"schema": {"type": "string"}},
      "Cache-Status": {"schema": {"type": "string"}, "description": "RFC 9211"}},
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/AnyJson"}},
      "text/csv": {"schema": {"type": "string"}}, "application/x-ndjson": {"schema": {"type": "string"}}}},
  "Upstream": {"description": "The upstream's answer", "content": {"*/*": {"schema": {}}}},
  "Problem": {"description": "What went wrong; a 4xx of the upstream passes as it is",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
})json";

constexpr std::string_view security_schemes = R"json({
  "basic": {"type": "http", "scheme": "basic", "description": "A client's name and secret"},
  "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "NAME:SECRET"},
  "apiKeyInQuery": {"type": "apiKey", "in": "query", "name": "api_key", "description": "NAME:SECRET"},
  "localToken": {"type": "oauth2",
    "flows": {"clientCredentials": {"tokenUrl": "/auth/oauth2/token", "scopes": {}}}},
  "adminToken": {"type": "http", "scheme": "bearer", "description": "That of admin.token_file"}
})json";

json::object query_parameter(std::string_view name, bool required, std::string_view description,
                             json::object schema) {
  return {{"name", name},
          {"in", "query"},
          {"required", required},
          {"description", description},
          {"schema", std::move(schema)}};
}

json::object parameters(const rokt::ParameterRules& rules) {
  const bool strict = rules.validation == rokt::Validation::strict;
  json::array currencies;
  for (const std::string_view currency : rokt::documented_currencies()) currencies.emplace_back(currency);
  for (const std::string& currency : rules.extra_currencies) currencies.emplace_back(currency);
  json::object currency{{"type", "string"}};
  if (strict) currency["enum"] = std::move(currencies);
  constexpr std::string_view date =
      "YYYY-MM-DD or YYYY-MM-DDThh:mm:ss[.fff], in timeZoneVariation. Required without roktcached-dates";
  json::array ranges;
  for (const std::string_view name : rokt::moving_dates_names()) ranges.emplace_back(name);
  const json::object text{{"type", "string"}};
  return {
      {"dateStart", query_parameter("dateStart", false, date, text)},
      {"dateEnd", query_parameter("dateEnd", false, date, text)},
      {"currency", query_parameter("currency", strict, "ISO 4217", std::move(currency))},
      {"timeZoneVariation",
       query_parameter("timeZoneVariation", strict, "An IANA time zone, such as America/New_York", text)},
      {"roktVersion", json::object{{"name", "rokt-version"},
                                   {"in", "header"},
                                   {"description", "The API's version; absent: LATEST"},
                                   {"schema", text}}},
      {"format", query_parameter("roktcached-format", false, "The form of the answer; absent: as Accept says",
                                 {{"type", "string"}, {"enum", {"json", "csv", "csv;excel", "ndjson"}}})},
      {"columns",
       query_parameter("roktcached-columns", false,
                       "Columns beside the answer's, with commas between: fetched_at, report_state, "
                       "route, date_start, date_end, currency, time_zone",
                       text)},
      {"dates",
       query_parameter("roktcached-dates", false,
                       "In place of dateStart and dateEnd: whole days of timeZoneVariation, which move "
                       "with the day",
                       {{"type", "string"}, {"enum", std::move(ranges)}})}};
}

}  // namespace

json::object components(const config::Settings& settings) {
  json::object all = json::parse(schemas).as_object();
  const json::value more = json::parse(schemas_of_changes);
  for (const auto& schema : more.as_object()) all.insert(schema);
  return {{"schemas", std::move(all)},
          {"responses", json::parse(shared_responses)},
          {"parameters", parameters(settings.parameters)},
          {"securitySchemes", json::parse(security_schemes)}};
}

json::array tags() {
  return json::parse(R"json([
    {"name": "report", "description": "Cached by the dates in the request"},
    {"name": "metadata", "description": "Cached for a fixed time"},
    {"name": "http", "description": "Cached as the upstream's fields say (RFC 9111)"},
    {"name": "off", "description": "Passed through"},
    {"name": "token", "description": "Local access tokens (RFC 6749)"},
    {"name": "proxy", "description": "About the proxy itself"},
    {"name": "admin", "description": "The operator's"}])json")
      .as_array();
}

}  // namespace roktcached::openapi
