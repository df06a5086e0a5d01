#include "core/rokt/routes.h"

#include <algorithm>
#include <array>
#include <boost/container/small_vector.hpp>
#include <limits>

#include "core/ascii.h"
#include "core/http/target.h"

namespace roktcached::rokt {

namespace {

constexpr std::size_t max_name = 64;

constexpr std::array<bool, 256> make_id_characters() {
  std::array<bool, 256> allowed{};
  for (const char c : std::string_view("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"))
    allowed[static_cast<unsigned char>(c)] = true;
  return allowed;
}
constexpr std::array<bool, 256> id_characters = make_id_characters();

bool is_id(std::string_view segment) {
  return !segment.empty() && segment.size() <= 64 &&
         std::ranges::all_of(segment, [](char c) { return id_characters[static_cast<unsigned char>(c)]; });
}

/// The account and the route that are matched must be those that the upstream will see.
bool is_plain_segment(std::string_view segment) {
  return !segment.empty() && !http::has_dot_segments(segment);
}

/// True if paths and methods are the operator's to choose, and not those of the Rokt API.
bool takes_any_path(RouteClass route_class) {
  return route_class == RouteClass::http || route_class == RouteClass::off;
}

bool is_placeholder(std::string_view segment) {
  return segment.starts_with('{');
}
bool is_rest(std::string_view segment) {
  return segment.ends_with("...}");
}

using Segments = boost::container::small_vector<std::string_view, 16>;

/// The segments of a path after its leading '/': "/a/b" gives a, b; "/a/" gives a and an empty one.
Segments split(std::string_view path) {
  Segments segments;
  path.remove_prefix(1);
  while (true) {
    const auto slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

/// The methods of one route or several, each once.
class Methods {
 public:
  void add(const Route& route) {
    for (const std::string& method : route.methods) {
      if (std::ranges::find(methods_, method) == methods_.end()) methods_.push_back(method);
    }
  }
  [[nodiscard]] std::string listed() const {
    std::string list;
    for (const std::string_view method : methods_)
      list.append(list.empty() ? "" : ", ").append(method).append(method == "GET" ? ", HEAD" : "");
    return list;
  }

 private:
  std::vector<std::string_view> methods_;
};

Error refused(std::string why) {
  return {.code = ErrorCode::configuration, .context = std::move(why)};
}

Route report(std::string name, std::string pattern, std::vector<std::string> groupby = {}) {
  return {std::move(name), std::move(pattern), {"GET"}, RouteClass::report, std::move(groupby), true};
}

Route metadata(std::string name, std::string pattern) {
  return {std::move(name), std::move(pattern), {"GET"}, RouteClass::metadata, {}, true};
}

/// A query that differs by a last slash alone: clients disagree about it.
Route query(std::string name, std::string pattern) {
  return {std::move(name), std::move(pattern), {"POST"}, RouteClass::query, {}, true, true};
}

/// Literal before placeholder before rest.
int rank(std::string_view pattern_segment) {
  if (!is_placeholder(pattern_segment)) return 0;
  return is_rest(pattern_segment) ? 2 : 1;
}

bool more_specific(const std::vector<std::string>& left, const std::vector<std::string>& right) {
  return std::lexicographical_compare(
      left.begin(), left.end(), right.begin(), right.end(),
      [](const std::string& a, const std::string& b) { return rank(a) < rank(b); });
}

Result<void> validate_pattern(const std::string& pattern) {
  if (!pattern.starts_with('/'))
    return refused("path \"" + pattern + "\": accepted: a path that begins with '/'");
  const auto segments = split(pattern);
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const auto segment = segments[i];
    const bool braces = segment.find_first_of("{}") != std::string_view::npos;
    if (!is_plain_segment(segment))
      return refused("path \"" + pattern + "\": has an empty, \".\" or \"..\" segment");
    if (!braces) continue;
    if (!segment.starts_with('{') || !segment.ends_with('}')) {
      return refused("path \"" + pattern + "\": a placeholder is a whole segment, e.g. {id}");
    }
    auto name = segment.substr(1, segment.size() - 2);
    if (is_rest(segment)) {
      if (i + 1 != segments.size()) return refused("path \"" + pattern + "\": {name...} comes last");
      name.remove_suffix(3);
    }
    if (!is_id(name)) return refused("path \"" + pattern + "\": a placeholder's name is of A-Za-z0-9_-");
    if (std::ranges::find(names, name) != names.end())
      return refused("path \"" + pattern + "\": a placeholder's name comes twice");
    names.push_back(name);
  }
  return {};
}

Result<void> validate_methods(const Route& route) {
  if (route.methods.empty()) return refused("methods: at least one is needed, e.g. [\"GET\"]");
  const bool only_get = route.inject_token || !takes_any_path(route.route_class);
  for (const auto& method : route.methods) {
    const bool upper = !method.empty() &&
                       std::ranges::all_of(method, [](char c) { return (c >= 'A' && c <= 'Z') || c == '-'; });
    if (!upper)
      return refused("methods: \"" + method + "\" is no method; accepted: upper-case letters, e.g. GET");
    if (method == "HEAD") return refused("methods: HEAD is answered wherever GET is and is not listed");
    if (method == "CONNECT" || method == "TRACE")
      return refused("methods: " + method + " is never forwarded");
    if (only_get && method != "GET") {
      return refused(
          "methods: " + method +
          " needs cache = \"http\" or \"off\" and inject_token = false: nothing that could write is "
          "forwarded with the shared token");
    }
  }
  return {};
}

}  // namespace

std::string_view to_string(RouteClass route_class) {
  static constexpr std::array<std::string_view, 6> names = {"token", "report", "metadata",
                                                            "query", "http",   "off"};
  return names[static_cast<std::size_t>(route_class)];
}

bool is_kept_by_lifetimes(RouteClass route_class) {
  return route_class == RouteClass::report || route_class == RouteClass::metadata ||
         route_class == RouteClass::query;
}

std::vector<Route> rokt_routes() {
  const std::string reporting = "/reporting/accounts/{accountId}";
  const std::string campaign = reporting + "/campaigns/{campaignId}";
  const std::string creative = campaign + "/creatives/{creativeId}";
  const std::string queried = "/v1/query/accounts/{accountId}";
  const std::string campaign_metadata = "/metadata/accounts/{accountId}/campaigns/{campaignId}";
  return {
      {"token", "/auth/oauth2/token", {"POST"}, RouteClass::token, {}, false},
      report("account-campaigns-breakdown", reporting + "/campaigns/breakdown",
             {"country", "partner-source"}),
      report("account-summary", reporting + "/summary"),
      report("account-transactions-overview", reporting + "/transactions/overview"),
      report("account-transactions-breakdown", reporting + "/transactions/breakdown",
             {"age", "gender", "page", "pagetype", "placement", "position", "brand"}),
      report("campaign-overview", campaign + "/overview"),
      report("campaign-breakdown", campaign + "/breakdown",
             {"country", "campaign", "audience", "creative", "subvertical"}),
      report("campaign-histogram", campaign + "/histogram"),
      report("creative-overview", creative + "/overview"),
      report("creative-breakdown", creative + "/breakdown", {"audience"}),
      metadata("campaign-metadata", campaign_metadata),
      metadata("audience-metadata", campaign_metadata + "/audiences/{audienceId}"),
      metadata("creative-metadata", campaign_metadata + "/creatives/{creativeId}"),
      metadata("query-accounts", "/v1/query/accounts"),
      metadata("query-account", queried),
      metadata("query-campaigns-help", queried + "/campaigns/help"),
      metadata("query-transactions-help", queried + "/transactions/help"),
      query("query-campaigns", queried + "/campaigns/"),
      query("query-transactions", queried + "/transactions"),
  };
}

std::string without_placeholder_names(const std::string& pattern) {
  std::string result;
  bool in_name = false;
  for (const char c : pattern) {
    if (c == '}') in_name = false;
    if (!in_name || c == '.') result += c;
    if (c == '{') in_name = true;
  }
  return result;
}

bool serve_the_same(const Route& one, const Route& other) {
  const auto shared = [&](const std::string& method) {
    return std::ranges::find(other.methods, method) != other.methods.end();
  };
  std::string left = without_placeholder_names(one.pattern);
  std::string right = without_placeholder_names(other.pattern);
  if (one.any_last_slash || other.any_last_slash) {
    for (std::string* pattern : {&left, &right}) {
      if (pattern->ends_with('/')) pattern->pop_back();
    }
  }
  return left == right && std::ranges::any_of(one.methods, shared);
}

bool takes_place_of(const Route& configured, const Route& built_in) {
  return built_in.route_class != RouteClass::token &&
         (configured.name == built_in.name || serve_the_same(configured, built_in));
}

std::vector<Route> all_routes(const std::vector<Route>& configured) {
  std::vector<Route> routes = rokt_routes();
  std::erase_if(routes, [&](const Route& built_in) {
    return std::ranges::any_of(configured, [&](const Route& one) { return takes_place_of(one, built_in); });
  });
  routes.insert(routes.end(), configured.begin(), configured.end());
  return routes;
}

Result<void> validate(const Route& route) {
  const bool name_ok =
      !route.name.empty() && route.name.size() <= max_name &&
      std::ranges::all_of(route.name, [](char c) { return is_lower(c) || is_digit(c) || c == '-'; });
  if (!name_ok) return refused("name \"" + route.name + "\": accepted: 1 to 64 of a-z, 0-9 and -");
  if (route.route_class == RouteClass::token) return refused("cache: accepted: report, metadata, http, off");
  if (const auto pattern = validate_pattern(route.pattern); !pattern) return pattern.error();
  return validate_methods(route);
}

std::string upstream_path(const Route& route, std::string_view path) {
  std::string result(path);
  if (!route.any_last_slash || route.pattern.ends_with('/') == path.ends_with('/')) return result;
  if (path.ends_with('/')) {
    result.pop_back();
  } else {
    result += '/';
  }
  return result;
}

RouteTable::RouteTable(std::vector<Route> routes) : routes_(std::move(routes)) {
  const auto segments_of = [](const Route& route) {
    std::vector<std::string> segments;
    for (const auto segment : split(route.pattern)) segments.emplace_back(segment);
    return segments;
  };
  std::ranges::stable_sort(
      routes_, [&](const Route& a, const Route& b) { return more_specific(segments_of(a), segments_of(b)); });
  for (const Route& route : routes_) {
    Pattern pattern{segments_of(route)};
    if (route.any_last_slash && pattern.segments.back().empty()) pattern.segments.pop_back();
    pattern.has_rest = is_rest(pattern.segments.back());
    pattern.least = pattern.segments.size();
    pattern.most = pattern.has_rest ? std::numeric_limits<std::size_t>::max()
                                    : pattern.least + (route.any_last_slash ? 1U : 0U);
    const auto place_of = [&segments = pattern.segments](std::string_view placeholder) {
      return static_cast<std::size_t>(std::ranges::find(segments, placeholder) - segments.begin());
    };
    pattern.account_at = place_of("{accountId}");
    pattern.campaign_at = place_of("{campaignId}");
    patterns_.push_back(std::move(pattern));
  }
}

/// The last segments are compared first: the first ones are the same in many routes.
bool RouteTable::has_segments(std::size_t index, std::span<const std::string_view> path) const {
  const Pattern& pattern = patterns_[index];
  if (routes_[index].any_last_slash && path.back().empty()) path = path.first(path.size() - 1);
  const std::size_t fixed = pattern.segments.size() - (pattern.has_rest ? 1 : 0);
  if (pattern.has_rest ? path.size() <= fixed : path.size() != fixed) return false;
  const bool any_segment = takes_any_path(routes_[index].route_class);
  for (std::size_t i = fixed; i-- > 0;) {
    const bool same = is_placeholder(pattern.segments[i])
                          ? (any_segment ? is_plain_segment(path[i]) : is_id(path[i]))
                          : pattern.segments[i] == path[i];
    if (!same) return false;
  }
  auto rest = path.subspan(fixed);
  // A slash at the end is a part of the rest, and may be all of it.
  if (any_segment && !rest.empty() && rest.back().empty()) rest = rest.first(rest.size() - 1);
  return std::ranges::all_of(rest, any_segment ? is_plain_segment : is_id);
}

Result<RouteMatch> RouteTable::match(std::string_view method, std::string_view path) const {
  const std::string_view served_as = method == "HEAD" ? "GET" : method;
  const auto segments = split(path);
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    if (!matches(i, {segments.data(), segments.size()})) continue;
    const Route& route = routes_[i];
    if (std::ranges::find(route.methods, served_as) != route.methods.end()) {
      const Pattern& pattern = patterns_[i];
      const auto captured = [&](std::size_t place) {
        return place < pattern.segments.size() ? segments[place] : std::string_view();
      };
      return RouteMatch{&route, captured(pattern.account_at), captured(pattern.campaign_at)};
    }
  }
  std::string allow = allowed_methods(path);
  if (allow.empty()) return Error{ErrorCode::unknown_route, false, "no route has this path"};
  return Error{ErrorCode::method_not_allowed, false, std::move(allow)};
}

std::string RouteTable::allowed_methods(std::string_view path) const {
  const auto segments = split(path);
  Methods allowed;
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    if (matches(i, {segments.data(), segments.size()})) allowed.add(routes_[i]);
  }
  return allowed.listed();
}

std::string RouteTable::all_methods() const {
  Methods all;
  for (const Route& route : routes_) all.add(route);
  return all.listed();
}

}  // namespace roktcached::rokt
