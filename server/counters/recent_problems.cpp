#include "server/counters/recent_problems.h"

namespace roktcached::counters {

void RecentProblems::add(WallTime at, std::string_view client, std::string_view route,
                         http::CacheOutcome outcome, unsigned status, std::string_view reason) {
  if (route.empty()) route = "-";
  const LockGuard lock(mutex_);
  if (added_ > 0) {
    Row& last = rows_[(added_ - 1) % kept];
    const bool again = last.outcome == outcome && last.status == status && last.client.begins(client) &&
                       last.route.begins(route) && last.reason.begins(reason);
    if (again) {
      last.at = at;
      ++last.times;
      return;
    }
  }
  Row& row = rows_[added_++ % kept];
  row.at = at;
  row.client.assign(client);
  row.route.assign(route);
  row.reason.assign(reason);
  row.outcome = outcome;
  row.status = status;
  row.times = 1;
}

std::vector<Problem> RecentProblems::read() const {
  std::vector<Problem> problems;
  const LockGuard lock(mutex_);
  const std::uint64_t first = added_ > kept ? added_ - kept : 0;
  for (std::uint64_t i = first; i < added_; ++i) {
    const Row& row = rows_[i % kept];
    problems.push_back({.at = row.at,
                        .client = std::string(row.client.view()),
                        .route = std::string(row.route.view()),
                        .outcome = row.outcome,
                        .status = row.status,
                        .reason = std::string(row.reason.view()),
                        .times = row.times});
  }
  return problems;
}

std::vector<Problem> last_of(std::vector<Problem> problems) {
  std::ranges::stable_sort(problems, std::ranges::greater(), &Problem::at);
  if (problems.size() > RecentProblems::kept) problems.resize(RecentProblems::kept);
  return problems;
}

}  // namespace roktcached::counters
