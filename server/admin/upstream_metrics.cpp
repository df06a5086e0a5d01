#include "server/admin/upstream_metrics.h"

#include <array>
#include <limits>
#include <map>

namespace roktcached::admin {

namespace {

/// The attempts, with a zero for each route and each status that alerts use. With a number before it, the
/// first failure shows as an increase.
std::map<counters::AttemptKind, std::uint64_t> with_zeros(
    std::map<counters::AttemptKind, std::uint64_t> attempts, const std::vector<MetricRoute>& routes) {
  constexpr std::array<unsigned, 3> statuses = {0, 200, 503};
  for (const MetricRoute& route : routes) {
    if (route.route_class == rokt::RouteClass::token) continue;
    const bool passed = route.route_class == rokt::RouteClass::off;
    const auto reason = passed ? counters::Reason::passed : counters::Reason::miss;
    for (const unsigned status : statuses) attempts.try_emplace({route.name, status, reason}, 0);
  }
  return attempts;
}

void add_attempts(Families& families, const counters::UpstreamAttemptsReading& attempts,
                  const std::vector<MetricRoute>& routes) {
  Family requests =
      counter("upstream_requests_total",
              "Attempts at the upstream, without those for tokens, by route, status (none where "
              "no valid answer came) and reason.");
  for (const auto& [kind, count] : with_zeros(attempts.by_kind, routes)) {
    requests.add({{"route", kind.route},
                  {"code", kind.status == 0 ? "none" : std::to_string(kind.status)},
                  {"reason", std::string(counters::to_string(kind.reason))}},
                 count);
  }
  families.push_back(requests.take());
  auto by_route = attempts.durations;
  for (const MetricRoute& route : routes) {
    if (route.route_class != rokt::RouteClass::token) by_route.try_emplace(route.name);
  }
  Family durations =
      histogram("upstream_duration_seconds", "How long an attempt at the upstream took, by route.");
  for (const auto& [route, reading] : by_route) durations.add({{"route", route}}, reading);
  families.push_back(durations.take());
}

/// Numbers of a credential's budget, each beside its limit.
struct BudgetFamilies {
  Family available = gauge("upstream_budget_available", "Requests that could go upstream at once.");
  Family burst = gauge("upstream_budget_limit", "The most that it can be: upstream.budget.burst.");
  Family queue = gauge("upstream_queue_length", "Requests that wait for their turn.");
  Family max_queue = gauge("upstream_queue_limit", "The most that may wait: upstream.budget.max_queued.");
  Family in_flight = gauge("upstream_in_flight", "Requests under way upstream.");
  Family max_in_flight =
      gauge("upstream_in_flight_limit", "The most that may be: upstream.budget.max_concurrent.");
  Family rate = gauge("upstream_requests_per_second",
                      "Requests a second that may go upstream, as learned; +Inf: no limit.");
  Family ceiling = gauge("upstream_requests_per_second_limit",
                         "The most that it can be: upstream.budget.requests_per_second; +Inf: no limit.");
  Family limited = counter("upstream_limited_total", "Answers with status 429.");

  void add(const std::string& credential, const upstream::BudgetStatus& budget) {
    const Labels labels = {{"credential", credential}};
    const bool bounded = budget.ceiling > 0;
    constexpr double infinity = std::numeric_limits<double>::infinity();
    available.add(labels, budget.available);
    burst.add(labels, budget.burst);
    queue.add(labels, budget.queued);
    max_queue.add(labels, budget.max_queued);
    in_flight.add(labels, budget.in_flight);
    max_in_flight.add(labels, budget.max_concurrent);
    rate.add(labels, bounded ? budget.rate : infinity);
    ceiling.add(labels, bounded ? budget.ceiling : infinity);
    limited.add(labels, budget.limited);
  }
};

void add_budgets(Families& families, const std::vector<upstream::CredentialStatus>& credentials) {
  BudgetFamilies budgets;
  for (const auto& credential : credentials) budgets.add(credential.name, credential.budget);
  for (Family* family :
       {&budgets.available, &budgets.burst, &budgets.queue, &budgets.max_queue, &budgets.in_flight,
        &budgets.max_in_flight, &budgets.rate, &budgets.ceiling, &budgets.limited})
    families.push_back(family->take());
}

void add_tokens(Families& families, const std::vector<upstream::CredentialStatus>& credentials) {
  Family expiry = gauge("token_expiry_timestamp_seconds",
                        "When the latest access token expires, in Unix time; absent before the first.");
  Family refreshes = counter("token_refreshes_total", "Requests for an access token that have ended.");
  for (const auto& [name, token, budget] : credentials) {
    if (token.expires_at) expiry.add({{"credential", name}}, *token.expires_at);
    refreshes.add({{"credential", name}, {"result", "success"}}, token.minted);
    refreshes.add({{"credential", name}, {"result", "failure"}}, token.failures);
  }
  families.push_back(expiry.take());
  families.push_back(refreshes.take());
}

}  // namespace

void add_upstream(Families& families, const upstream::UpstreamStatus& status,
                  const std::vector<MetricRoute>& routes) {
  add_attempts(families, status.attempts, routes);
  families.push_back(
      counter("upstream_retries_total", "Attempts that repeat a failed one.").add({}, status.retries).take());
  families.push_back(gauge("upstream_state", "1 for the circuit's state, 0 for the other.")
                         .add({{"state", "closed"}}, status.circuit_open ? 0.0 : 1.0)
                         .add({{"state", "open"}}, status.circuit_open ? 1.0 : 0.0)
                         .take());
  add_budgets(families, status.credentials);
  add_tokens(families, status.credentials);
}

}  // namespace roktcached::admin
