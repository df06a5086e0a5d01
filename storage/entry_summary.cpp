#include "storage/entry_summary.h"

namespace roktcached::storage {

EntrySummary summary_of(const caching::StoredResponse& response) {
  EntrySummary summary;
  summary.key = response.key;
  summary.route = response.route;
  summary.account_id = response.account_id;
  summary.campaign_id = response.campaign_id;
  summary.status = response.status;
  summary.body_bytes = response.body->size();
  summary.range_end = response.range_end;
  summary.steady_refreshes = response.steady_refreshes;
  summary.restated = response.restated;
  summary.fetched_at = response.fetched_at;
  summary.fresh_until = response.fresh_until;
  summary.usable_until = response.usable_until;
  return summary;
}

bool comes_before(const EntrySummary& left, const EntrySummary& right, bool by_restatement) {
  if (by_restatement) return left.restated->at > right.restated->at;
  return left.fetched_at > right.fetched_at;
}

}  // namespace roktcached::storage
