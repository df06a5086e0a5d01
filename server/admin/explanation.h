#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/caching/freshness.h"
#include "core/error.h"
#include "core/time.h"
#include "server/counters/client_stats.h"
#include "server/proxy/target_request.h"
#include "server/runtime.h"
#include "storage/entry_summary.h"

namespace roktcached::admin {

/// The query of `GET /explain`.
struct ExplainQuery {
  std::string target;
  std::string rokt_version;  ///< empty: not sent
  std::string content;       ///< of a question to the Query API, in JSON; empty: none
};

/// Reads `target=TARGET`, `rokt-version=VERSION` and `content=JSON`, percent-encoded; the last two may be
/// absent.
/// @return invalid_request, naming the parameter, what came and what is accepted
[[nodiscard]] Result<ExplainQuery> parse_explain(std::string_view query);

/// Explains a request from the settings alone: route, key, and how long an answer would live that was fetched
/// now.
/// The command `explain` prints it where no daemon answers.
[[nodiscard]] boost::json::object explain_request(const Runtime& runtime, const proxy::TargetRequest& request,
                                                  WallTime now);

/// The entry that is stored under the key that is explained.
struct StoredEntry {
  storage::EntrySummary entry;
  bool in_memory = false;
  std::uint64_t finds = 0;  ///< since memory has it; 0 if it does not
};

/// The facts that a running daemon knows beyond the settings.
struct Findings {
  std::optional<StoredEntry> stored;
  std::vector<storage::EntrySummary> others;  ///< of the same target, for other credentials or versions
  counters::ReportAsks asks;                  ///< of this key
  std::vector<counters::ClientRequests> requests;
};

/// Adds to the result of explain_request for the same request: whether it would hit now, why not, and what is
/// stored.
/// @pre the request is on a report or metadata route
void add_findings(boost::json::object& explained, const proxy::TargetRequest& request,
                  const Findings& findings, const caching::FreshnessPolicies& policies, WallTime now);

}  // namespace roktcached::admin
