#include "server/openapi/admin_operations.h"

#include <array>
#include <boost/json/parse.hpp>
#include <string>
#include <string_view>

namespace roktcached::openapi {

namespace {

/// A row: an Operation Object (OpenAPI 3.1.0, section 4.8.10) as JSON. Tags, the answers that are problems,
/// and the token of what changes something are added to each.
struct Row {
  std::string_view path;
  std::string_view method;
  std::string_view operation;
};

constexpr auto probes_and_listings = std::to_array<Row>({
    {"/livez", "get", R"json({
      "operationId": "getLivez", "summary": "Whether the process runs; on the health listener, too",
      "responses": {"200": {"description": "It does",
        "content": {"text/plain": {"schema": {"type": "string"}}}}}})json"},
    {"/readyz", "get", R"json({
      "operationId": "getReadyz",
      "summary": "Whether requests should come here, and what is degraded; on the health listener, too",
      "parameters": [{"name": "verbose", "in": "query", "allowEmptyValue": true, "schema": {"type": "string"},
        "description": "With the state and the figures of every part"}],
      "responses": {
        "200": {"description": "Ready, or degraded: it serves what it has",
          "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Readiness"}}}},
        "503": {"description": "Draining: the process ends",
          "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Readiness"}}}}}})json"},
    {"/metrics", "get", R"json({
      "operationId": "getMetrics",
      "summary": "Prometheus' text exposition format, 0.0.4; on the health listener, too",
      "responses": {"200": {"description": "The metrics",
        "content": {"text/plain": {"schema": {"type": "string"}}}}}})json"},
    {"/status", "get", R"json({
      "operationId": "getStatus", "summary": "The daemon's state and what it has done since its start",
      "responses": {"200": {"description": "The state",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Status"}}}}}})json"},
    {"/entries", "get", R"json({
      "operationId": "listEntries", "summary": "Stored answers, the last fetched first",
      "parameters": [
        {"name": "restated", "in": "query", "allowEmptyValue": true, "schema": {"type": "string", "maxLength": 0},
         "description": "Only those whose numbers have changed; without a value"},
        {"name": "route", "in": "query", "schema": {"type": "string"}, "description": "A route's name"},
        {"name": "account", "in": "query", "schema": {"$ref": "#/components/schemas/Id"}},
        {"name": "campaign", "in": "query", "schema": {"$ref": "#/components/schemas/Id"},
         "description": "Together with account"},
        {"name": "key", "in": "query", "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"}},
        {"name": "target", "in": "query", "schema": {"type": "string", "pattern": "^/"}},
        {"name": "hottest", "in": "query", "allowEmptyValue": true, "schema": {"type": "string", "maxLength": 0},
         "description": "Those that were asked for most; without a value, alone or with limit"},
        {"name": "limit", "in": "query",
         "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}}],
      "responses": {"200": {"description": "The entries",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Entries"}}}}}})json"},
    {"/restatements", "get", R"json({
      "operationId": "listRestatements", "summary": "Reports that changed after they had been given out",
      "parameters": [
        {"name": "route", "in": "query", "schema": {"type": "string"}, "description": "A route's name"},
        {"name": "account", "in": "query", "schema": {"$ref": "#/components/schemas/Id"}},
        {"name": "campaign", "in": "query", "schema": {"$ref": "#/components/schemas/Id"},
         "description": "Together with account"},
        {"name": "limit", "in": "query",
         "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}}],
      "responses": {"200": {"description": "What moved, from what to what",
        "content": {"application/json": {"schema": {"type": "object"}}}}}})json"},
});

constexpr auto all_others = std::to_array<Row>({
    {"/explain", "get", R"json({
      "operationId": "explainRequest", "summary": "What would be answered to a request, and why",
      "parameters": [
        {"name": "target", "in": "query", "required": true, "schema": {"type": "string"},
         "description": "Path and query of the request"},
        {"name": "rokt-version", "in": "query", "schema": {"type": "string"}},
        {"name": "content", "in": "query", "schema": {"type": "string"},
         "description": "Of a question to the Query API, in JSON"}],
      "responses": {"200": {"description": "Its key, its entry and what decides",
        "content": {"application/json": {"schema": {"type": "object"}}}}}})json"},
    {"/history", "get", R"json({
      "operationId": "getHistory", "summary": "Samples of the last hour and the last day, and the last errors",
      "parameters": [{"name": "since", "in": "query", "schema": {"type": "integer", "minimum": 0},
        "description": "Milliseconds since the Unix epoch: only what came after"}],
      "responses": {"200": {"description": "The samples",
        "content": {"application/json": {"schema": {"type": "object"}}}}}})json"},
    {"/", "get", R"json({
      "operationId": "getDashboard", "summary": "The dashboard, for a browser",
      "responses": {"200": {"description": "The page",
        "content": {"text/html": {"schema": {"type": "string"}}}}}})json"},
    {"/warm", "post", R"json({
      "operationId": "warmReports", "summary": "Fetches reports before anybody asks for them",
      "requestBody": {"required": true,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Warm"}}}},
      "responses": {"200": {"description": "What became of each",
        "content": {"application/json": {"schema": {"type": "object"}}}}}})json"},
    {"/purge", "post", R"json({
      "operationId": "purgeEntries", "summary": "Removes stored answers, or makes them stale",
      "requestBody": {"required": true,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Purge"}}}},
      "responses": {"200": {"description": "How many",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Purged"}}}}}})json"},
    {"/reload", "post", R"json({
      "operationId": "reloadSettings", "summary": "Reads the settings again, all or nothing",
      "requestBody": {"required": true, "content": {"application/json": {"schema": {"type": "object"}}}},
      "responses": {"200": {"description": "The verdict",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Reload"}}}}}})json"},
    {"/log-level", "post", R"json({
      "operationId": "setLogLevel", "summary": "Changes how much is logged, until the settings are read again",
      "requestBody": {"required": true, "content": {"application/json": {"schema":
        {"type": "object", "required": ["level"], "additionalProperties": false, "properties":
          {"level": {"type": "string", "enum": ["trace", "debug", "info", "warn", "error"]}}}}}},
      "responses": {"200": {"description": "The level in force, and the one before",
        "content": {"application/json": {"schema": {"type": "object"}}}}}})json"},
    {"/openapi.json", "get", R"json({
      "operationId": "getOpenApi", "summary": "This document",
      "responses": {"200": {"description": "The document",
        "content": {"application/json": {"schema": {"type": "object"}}}}}})json"},
});

Operation operation_of(const Row& row) {
  json::object object = json::parse(row.operation).as_object();
  object["tags"] = json::array{"admin"};
  json::object& responses = object["responses"].as_object();
  responses.emplace("4XX", problem_reference());
  responses.emplace("5XX", problem_reference());
  // Over a Unix socket no token is needed, and what only reads needs none.
  if (row.method == "post")
    object["security"] = {json::object{{"adminToken", json::array()}}, json::object()};
  return {std::string(row.path), std::string(row.method), std::move(object)};
}

}  // namespace

std::vector<Operation> admin_operations() {
  std::vector<Operation> operations;
  for (const Row& row : probes_and_listings) operations.push_back(operation_of(row));
  for (const Row& row : all_others) operations.push_back(operation_of(row));
  return operations;
}

}  // namespace roktcached::openapi
