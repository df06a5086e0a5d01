#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace roktcached::rokt {

/// How a route handles its requests.
enum class RouteClass {
  token,     ///< answered here, never forwarded
  report,    ///< cached by the dates in the request
  metadata,  ///< cached for a fixed time
  query,     ///< a POST that only reads: cached by its content, and by the dates in it
  http,      ///< cached as the upstream's fields say (RFC 9111), not checked
  off,       ///< passed through, neither cached nor checked
};

[[nodiscard]] std::string_view to_string(RouteClass route_class);

/// Whether answers are kept as [freshness] says, under a key of ours: reports, metadata and queries.
[[nodiscard]] bool is_kept_by_lifetimes(RouteClass route_class);

/// One row of the route table.
struct Route {
  std::string name;  ///< unique; what logs, metrics and the cache file call it
  /// "/a/{id}/b": `{name}` is one segment. A last `{name...}` is all that follows the slash before it, which
  /// may be nothing on an http or off route: "/a/{rest...}" takes "/a/", but not "/a".
  std::string pattern;
  std::vector<std::string> methods;  ///< without HEAD, which is answered wherever GET is
  RouteClass route_class = RouteClass::report;
  std::vector<std::string>
      groupby;               ///< the values that `groupby` may have; empty: the route has no such parameter
  bool inject_token = true;  ///< the shared bearer token goes upstream with it
  /// A path that differs by a last slash alone is this one, too; upstream it goes as `pattern` has it.
  bool any_last_slash = false;

  friend bool operator==(const Route&, const Route&) = default;
};

/// The routes of the Rokt Reporting API, and those of its successor, the Query API.
[[nodiscard]] std::vector<Route> rokt_routes();

/// A pattern with its placeholders' names, which say nothing about the paths it takes, left out.
[[nodiscard]] std::string without_placeholder_names(const std::string& pattern);

/// Whether two routes have a method of the same paths, whatever their placeholders are called.
[[nodiscard]] bool serve_the_same(const Route& one, const Route& other);

/// Whether an operator's route takes the place of a built-in one, so that a route that is built in later
/// changes nothing for the operator: both serve the same, or have one name. Nothing takes the place of the
/// token's route.
[[nodiscard]] bool takes_place_of(const Route& configured, const Route& built_in);

/// All routes: the built-in ones whose place no route of the operator's takes, then the operator's.
[[nodiscard]] std::vector<Route> all_routes(const std::vector<Route>& configured);

/// Checks one row, as the operator's routes need it. The error's context says what is wrong and what is
/// accepted: name `[a-z0-9-]{1,64}`; pattern begins with '/', no empty, "." or ".." segment, placeholders
/// whole segments with distinct names, rest only last; at least one method, each an upper-case token and none
/// of HEAD, CONNECT, TRACE; only GET where the token is injected or the route is a report's or metadata;
/// class not token.
[[nodiscard]] Result<void> validate(const Route& route);

struct RouteMatch {
  const Route* route = nullptr;  ///< points into the table
  std::string_view account_id;   ///< the segment at `{accountId}`, or empty; a view into the path
  std::string_view campaign_id;  ///< the segment at `{campaignId}`, or empty; a view into the path
};

/// The path as the upstream is asked for it: a last slash as the route's pattern has it.
[[nodiscard]] std::string upstream_path(const Route& route, std::string_view path);

/// Says what a path is. Immutable after construction; safe from any thread.
class RouteTable {
 public:
  /// @param routes  valid rows, in order of precedence among equals. Whatever their order, a literal segment
  ///          beats a placeholder, compared from the left, and a placeholder beats a rest
  explicit RouteTable(std::vector<Route> routes);

  /// Matches segment by segment. Nothing is decoded or normalised: `//`, `/./`, an encoded '/' and a trailing
  /// slash match no placeholder. On token, report, metadata and query routes a placeholder takes
  /// `[A-Za-z0-9_-]{1,64}`. On routes that are `http` or `off` it takes any non-empty segment but "." and
  /// ".." (percent-encoded or not), and rest takes segments of that kind, with a slash at the end or without.
  /// HEAD matches where GET does.
  /// @return the match; unknown_route; or method_not_allowed if other methods are served at this path: then
  ///          the error's context is the value for Allow, e.g. "GET, HEAD"
  [[nodiscard]] Result<RouteMatch> match(std::string_view method, std::string_view path) const;

  /// The methods that are served at a path, as Allow names them (RFC 9110, section 10.2.1); empty if no
  /// route has it.
  [[nodiscard]] std::string allowed_methods(std::string_view path) const;

  /// The methods that any route serves, likewise.
  [[nodiscard]] std::string all_methods() const;

  [[nodiscard]] const std::vector<Route>& routes() const { return routes_; }

 private:
  struct Pattern {
    std::vector<std::string> segments;
    bool has_rest = false;
    std::size_t least = 0;  // segments of a path that it takes
    std::size_t most = 0;
    std::size_t account_at = 0;   // the place of `{accountId}`, or the number of segments
    std::size_t campaign_at = 0;  // that of `{campaignId}`, likewise
  };

  /// A quick test first: for most routes the number of segments already says no.
  [[nodiscard]] bool matches(std::size_t index, std::span<const std::string_view> path) const {
    const Pattern& pattern = patterns_[index];
    return path.size() >= pattern.least && path.size() <= pattern.most && has_segments(index, path);
  }
  [[nodiscard]] bool has_segments(std::size_t index, std::span<const std::string_view> path) const;

  std::vector<Route> routes_;
  std::vector<Pattern> patterns_;  // patterns_[i] is routes_[i].pattern, split
};

}  // namespace roktcached::rokt
