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

constexpr auto rows = std::to_array<Row>({
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
        {"name": "limit", "in": "query",
         "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}}],
      "responses": {"200": {"description": "The entries",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Entries"}}}}}})json"},
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
    {"/openapi.json", "get", R"json({
      "operationId": "getOpenApi", "summary": "This document",
      "responses": {"200": {"description": "The document",
        "content": {"application/json": {"schema": {"type": "object"}}}}}})json"},
});

}  // namespace

std::vector<Operation> admin_operations() {
  std::vector<Operation> operations;
  for (const Row& row : rows) {
    json::object object = json::parse(row.operation).as_object();
    object["tags"] = json::array{"admin"};
    json::object& responses = object["responses"].as_object();
    responses.emplace("4XX", problem_reference());
    responses.emplace("5XX", problem_reference());
    // Over a Unix socket no token is needed, and what only reads needs none.
    if (row.method == "post")
      object["security"] = {json::object{{"adminToken", json::array()}}, json::object()};
    operations.push_back({std::string(row.path), std::string(row.method), std::move(object)});
  }
  return operations;
}

}  // namespace roktcached::openapi
