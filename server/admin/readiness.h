#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/fleet/fleet.h"
#include "server/upstream/upstream_client.h"
#include "storage/response_store.h"

namespace roktcached::admin {

/// One part of the daemon that it can do without for a while, or with less of.
struct PartState {
  std::string_view part;  ///< "token", "budget", "circuit", "cache" or "fleet"
  std::string name;       ///< of the credential or the tier; empty if there is one part of the kind
  std::string reason;     ///< why it is degraded, one line for a person; empty: it is not
  boost::json::object figures;
};

/// Whether requests should come here, and what is not as it should be.
struct Readiness {
  bool draining = false;
  std::vector<PartState> parts;

  /// "ready", "degraded" or "draining".
  [[nodiscard]] std::string_view status() const;
};

/// A credential without a token, a budget that requests wait for, a circuit that is open, a tier of the
/// cache that cannot do its work and a fleet that is out of reach degrade the daemon: it serves what it has.
/// Pure.
[[nodiscard]] Readiness readiness_of(const upstream::UpstreamStatus& upstream_status,
                                     const std::vector<storage::TierStatistics>& tiers,
                                     const std::optional<fleet::FleetStatus>& fleet, bool draining);

/// {"status":"degraded","degraded":[{"part":"token","name":"default","reason":"..."}]}
/// @param verbose  with "parts": each with its state and figures, also those that are as they should be
[[nodiscard]] boost::json::object to_json(const Readiness& readiness, bool verbose);

}  // namespace roktcached::admin
