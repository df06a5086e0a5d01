#include "server/openapi/document.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "server/openapi/admin_operations.h"
#include "server/openapi/components.h"
#include "server/openapi/route_operations.h"
#include "server/version.h"

namespace roktcached::openapi {

namespace json = boost::json;

namespace {

/// Gives an operation the path of another, of the same shape: its placeholders take the names that they have
/// there.
void rename_placeholders(Operation& operation, const std::string& path) {
  std::size_t open = 0;
  for (json::value& parameter : operation.object["parameters"].as_array()) {
    if (!parameter.as_object().contains("in") || parameter.at("in") != "path") continue;
    open = path.find('{', open) + 1;
    parameter.as_object()["name"] = path.substr(open, path.find('}', open) - open);
  }
  operation.path = path;
}

/// The Paths Object. Paths that differ in the names of their placeholders alone are one there, and keep the
/// names that came first.
class Paths {
 public:
  /// Does nothing if the path has the method already.
  void add(Operation operation) {
    const auto known =
        paths_by_shape_.try_emplace(rokt::without_placeholder_names(operation.path), operation.path);
    if (known.first->second != operation.path) rename_placeholders(operation, known.first->second);
    json::value& item = paths_[operation.path];
    if (item.is_null()) item = json::object();
    item.as_object().emplace(operation.method, std::move(operation.object));
  }
  [[nodiscard]] json::object take() { return std::move(paths_); }

 private:
  json::object paths_;
  std::map<std::string, std::string> paths_by_shape_;
};

json::array servers(std::string_view url, std::string_view description) {
  return {json::object{{"url", url}, {"description", description}}};
}

/// A URL of a listener, for who reads the other one's document. A wildcard is reached at any address of the
/// machine; a Unix socket and a port that the system has chosen have none that could be said here.
std::string url_of(std::string_view scheme, const config::Endpoint& endpoint) {
  const bool any = endpoint.host == "0.0.0.0" || endpoint.host == "[::]";
  const std::string host = any || endpoint.is_unix() ? "localhost" : endpoint.host;
  std::string url = std::string(scheme) + "://" + host;
  if (endpoint.port != 0) url += ":" + std::to_string(endpoint.port);
  return url;
}

json::array proxy_servers(const config::Listen& listen) {
  constexpr std::string_view description = "The proxy: [listen]";
  if (!listen.tls.addresses.empty())
    return servers(url_of("https", listen.tls.addresses.front()), description);
  return servers(url_of("http", listen.addresses.front()), description);
}

json::array admin_servers(const config::Endpoint& address) {
  return servers(url_of("http", address), address.is_unix() ? "The Unix socket of admin.address"
                                                            : "The admin listener: admin.address");
}

json::object info() {
  return {
      {"title", "roktcached"},
      {"version", version},
      {"summary", "A caching proxy of the Rokt Reporting API, and its admin API"},
      {"description",
       "The proxied routes have the paths and parameters of the Rokt Reporting API. Their answers are the "
       "upstream's, byte for byte: their schemas are loose. Ids are strings. HEAD is answered wherever GET "
       "is."},
      {"license", {{"name", "Apache License 2.0"}, {"identifier", "Apache-2.0"}}}};
}

void add_operations(Paths& paths, std::vector<Operation> operations,
                    const std::optional<json::array>& elsewhere) {
  for (Operation& operation : operations) {
    if (elsewhere) operation.object["servers"] = *elsewhere;
    paths.add(std::move(operation));
  }
}

}  // namespace

std::string document(const config::Settings& settings, const rokt::RouteTable& routes, ServedBy served_by) {
  Paths paths;
  const auto& admin = settings.admin.address;
  const auto add_proxy = [&](const std::optional<json::array>& elsewhere) {
    add_operations(paths, route_operations(settings, routes), elsewhere);
  };
  if (served_by == ServedBy::proxy) {
    add_proxy(std::nullopt);
    if (admin) add_operations(paths, admin_operations(), admin_servers(*admin));
  } else {
    add_operations(paths, admin_operations(), std::nullopt);
    add_proxy(proxy_servers(settings.listen));
  }
  json::object document{{"openapi", "3.1.0"},
                        {"info", info()},
                        {"servers", servers("/", "The listener that serves this document")},
                        {"tags", tags()},
                        {"paths", paths.take()},
                        {"components", components(settings)}};
  return json::serialize(document) + "\n";
}

}  // namespace roktcached::openapi
