#include "server/openapi/route_operations.h"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <string_view>

#include "core/ascii.h"

namespace roktcached::openapi {

namespace {

constexpr auto known_methods =
    std::to_array<std::string_view>({"get", "put", "post", "delete", "options", "head", "patch", "trace"});

json::object reference(std::string_view where) {
  return {{"$ref", "#/components/" + std::string(where)}};
}

json::object with_problems(json::object responses) {
  responses["4XX"] = problem_reference();
  responses["5XX"] = problem_reference();
  return responses;
}

/// OpenAPI has no placeholder for several segments, so {rest...} becomes {rest}. If a last slash does not
/// matter, the path has none.
std::string path_of(const rokt::Route& route) {
  std::string pattern = route.pattern;
  if (route.any_last_slash && pattern.ends_with('/')) pattern.pop_back();
  const auto dots = pattern.find("...}");
  if (dots != std::string::npos) pattern.erase(dots, 3);
  return pattern;
}

json::array path_parameters(const rokt::Route& route) {
  json::array parameters;
  const std::string& pattern = route.pattern;
  const bool takes_ids = rokt::is_kept_by_lifetimes(route.route_class);
  for (auto open = pattern.find('{'); open != std::string::npos; open = pattern.find('{', open + 1)) {
    std::string name = pattern.substr(open + 1, pattern.find('}', open) - open - 1);
    const bool is_rest = name.ends_with("...");
    if (is_rest) name.resize(name.size() - 3);
    json::object parameter{{"name", name}, {"in", "path"}, {"required", true}};
    if (is_rest) parameter["description"] = "All that follows, slashes too: they are not encoded";
    parameter["schema"] = takes_ids ? reference("schemas/Id") : json::object{{"type", "string"}};
    parameters.push_back(std::move(parameter));
  }
  return parameters;
}

void add_report_parameters(json::array& parameters, const rokt::Route& route) {
  for (const char* name : {"dateStart", "dateEnd", "currency", "timeZoneVariation", "roktVersion", "dates"})
    parameters.push_back(reference(std::string("parameters/") + name));
  if (route.groupby.empty()) return;
  const json::array values(route.groupby.begin(), route.groupby.end());
  parameters.push_back(json::object{
      {"name", "groupby"}, {"in", "query"}, {"schema", json::object{{"type", "string"}, {"enum", values}}}});
}

json::object responses_of(rokt::RouteClass route_class) {
  if (route_class == rokt::RouteClass::report || route_class == rokt::RouteClass::query)
    return with_problems({{"200", reference("responses/Report")}});
  if (route_class == rokt::RouteClass::metadata)
    return with_problems({{"200", reference("responses/Metadata")}});
  return {{"default", reference("responses/Upstream")}};
}

json::object token_operation() {
  return json::parse(R"json({
      "requestBody": {"required": true, "content": {"application/x-www-form-urlencoded":
        {"schema": {"$ref": "#/components/schemas/TokenRequest"}}}},
      "responses": {
        "200": {"description": "A token for this proxy, which opens nothing upstream",
          "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Token"}}}},
        "4XX": {"description": "It is refused (RFC 6749, section 5.2)",
          "content": {"application/json": {"schema": {"$ref": "#/components/schemas/TokenError"}}}}}})json")
      .as_object();
}

json::object question() {
  return json::parse(R"json({"required": true,
      "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Question"}}}})json")
      .as_object();
}

json::array security_of_clients() {
  json::array alternatives;
  for (const char* scheme : {"basic", "apiKey", "apiKeyInQuery", "localToken"})
    alternatives.push_back(json::object{{scheme, json::array()}});
  return alternatives;
}

json::object route_operation(const rokt::Route& route) {
  json::object object;
  if (route.route_class == rokt::RouteClass::token) {
    object = token_operation();
  } else {
    json::array parameters = path_parameters(route);
    if (route.route_class == rokt::RouteClass::report) add_report_parameters(parameters, route);
    if (route.route_class == rokt::RouteClass::metadata || route.route_class == rokt::RouteClass::query)
      parameters.push_back(reference("parameters/roktVersion"));
    if (rokt::is_kept_by_lifetimes(route.route_class)) {
      for (const char* name : {"format", "columns"})
        parameters.push_back(reference(std::string("parameters/") + name));
    }
    object["parameters"] = std::move(parameters);
    if (route.route_class == rokt::RouteClass::query) object["requestBody"] = question();
    object["responses"] = responses_of(route.route_class);
  }
  object["tags"] = json::array{rokt::to_string(route.route_class)};
  object["summary"] = "Route " + route.name;
  return object;
}

/// The operations of paths that are answered if no route takes them.
std::vector<Operation> own_operations() {
  const auto page = [](std::string_view path, std::string_view id, std::string_view summary,
                       std::string_view type, std::string_view schema) {
    json::object content{{type, json::object{{"schema", json::object{{"type", schema}}}}}};
    json::object object{{"operationId", id}, {"summary", summary}, {"tags", json::array{"proxy"}}};
    object["responses"] =
        with_problems({{"200", json::object{{"description", summary}, {"content", std::move(content)}}}});
    return Operation{std::string(path), "get", std::move(object)};
  };
  return {page("/", "getServiceName", "A line that names the service", "text/plain", "string"),
          page("/openapi.json", "getOpenApi", "This document", "application/json", "object")};
}

}  // namespace

json::object problem_reference() {
  return reference("responses/Problem");
}

std::vector<Operation> route_operations(const config::Settings& settings, const rokt::RouteTable& routes) {
  std::vector<Operation> operations;
  for (const rokt::Route& route : routes.routes()) {
    for (const std::string& name : route.methods) {
      const std::string method = lower_case(name);
      if (std::ranges::find(known_methods, method) == known_methods.end()) continue;
      json::object object = route_operation(route);
      // No route's name has an underscore.
      object["operationId"] = &name == &route.methods.front() ? route.name : route.name + "_" + method;
      operations.push_back({path_of(route), method, std::move(object)});
    }
  }
  for (Operation& operation : own_operations()) operations.push_back(std::move(operation));
  if (settings.clients.empty()) return operations;
  for (Operation& operation : operations) {
    if (operation.path != "/auth/oauth2/token") operation.object["security"] = security_of_clients();
  }
  return operations;
}

}  // namespace roktcached::openapi
