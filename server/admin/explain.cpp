// GET /explain: what becomes of a request, without making it.

#include <algorithm>
#include <iterator>

#include "core/caching/selection.h"
#include "server/admin/admin.h"
#include "server/admin/body_answer.h"
#include "server/admin/explanation.h"
#include "server/admin/fleet_status.h"
#include "server/admin/report_asks.h"
#include "server/http/problem.h"
#include "server/proxy/target_request.h"

namespace roktcached::admin {

using http::Answer;
using http::Request;
namespace json = boost::json;

/// Nothing here counts as a use: an entry is looked at where it stands.
boost::asio::awaitable<Answer> Admin::explain(const Request& request, std::string_view query) const {
  const auto asked = parse_explain(query);
  if (!asked) co_return problem(asked.error(), request.id);
  const RuntimePtr runtime = sources_.runtime;  // of a reload meanwhile nothing is mixed in
  const auto wanted =
      proxy::read_target_request(*runtime, asked->target, asked->rokt_version,
                                 {sources_.clock.wall_now(), &sources_.zones}, asked->content);
  if (!wanted) co_return problem(wanted.error(), request.id);
  json::object explained = explain_request(*runtime, *wanted, sources_.clock.wall_now());
  if (wanted->cache_request) {
    const caching::Key& key = wanted->cache_request->key;
    storage::Listing same_target;
    const std::string target(caching::target_of(key));
    same_target.selection = caching::WithTarget{target, target};
    const auto listed = co_await list(same_target);
    if (!listed) co_return problem(listed.error(), request.id, retry_after_failure);
    Findings findings;
    std::ranges::copy_if(*listed, std::back_inserter(findings.others),
                         [&](const auto& entry) { return entry.key != key; });
    if (const auto found = std::ranges::find(*listed, key, &storage::EntrySummary::key);
        found != listed->end())
      findings.stored = StoredEntry{.entry = *found};
    // Memory has it before the disk has, and where the disk takes no writes.
    const storage::Usage usage = sources_.store.usage_of(key.hash());
    if (usage.response && usage.response->key == key)
      findings.stored = StoredEntry{storage::summary_of(*usage.response), true, usage.finds};
    findings.asks = asks_of(sources_.client_stats, key.hash(), sources_.clock.steady_now());
    findings.requests = read_client_stats();
    add_findings(explained, *wanted, findings, runtime->policies, sources_.clock.wall_now());
    if (sources_.fleet != nullptr) {
      const auto location = co_await sources_.fleet->locate(wanted->cache_request->credential, key);
      explained["fleet"] = to_json(location, sources_.clock.wall_now());
    }
  }
  co_return with_json(explained);
}

}  // namespace roktcached::admin
