#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "core/caching/key.h"
#include "core/caching/stored_response.h"
#include "core/error.h"
#include "core/time.h"

namespace roktcached::caching {

/// Which responses a purge means; one of these.
struct Everything {
  friend bool operator==(const Everything&, const Everything&) = default;
};
struct WithKey {
  KeyHash hash;
  friend bool operator==(const WithKey&, const WithKey&) = default;
};
/// Every response to this path and query, however they are spelled, and whatever credential, rokt-version or
/// other field asked for it.
struct WithTarget {
  std::string canonical;  ///< as canonical_target makes it; how reports are keyed
  std::string as_sent;    ///< byte for byte; how http routes are keyed
  friend bool operator==(const WithTarget&, const WithTarget&) = default;
};
/// @param target  origin-form
/// @return invalid_request as http::parse_target has it
[[nodiscard]] Result<WithTarget> with_target(std::string_view target);
struct OfRoute {
  std::string name;
  friend bool operator==(const OfRoute&, const OfRoute&) = default;
};
struct OfAccount {
  std::string account_id;
  std::optional<std::string> campaign_id;  ///< absent: the whole account
  friend bool operator==(const OfAccount&, const OfAccount&) = default;
};
using Selection = std::variant<Everything, WithKey, WithTarget, OfRoute, OfAccount>;
/// The name of a kind of selection, for logs: "all", "key", "target", "route", "account".
[[nodiscard]] std::string_view name_of(const Selection& selection);

/// The properties of a response that a selection looks at, whether it is kept or still being fetched. Views,
/// for the length of a call.
struct Subject {
  const Key& key;
  std::string_view route;
  std::string_view account_id;
  std::string_view campaign_id;
};
[[nodiscard]] Subject subject_of(const StoredResponse& response);

/// The first character of the path of a note. Notes are what the daemon keeps for itself beside the
/// responses, under keys that no request has.
inline constexpr char note_mark = '~';
[[nodiscard]] bool is_note(const Key& key);

/// A note is selected by its key alone: no purge removes it, and no list names it.
[[nodiscard]] bool matches(const Selection& selection, const Subject& subject);

enum class PurgeKind {
  hard,  ///< gone
  soft,  ///< kept, but stale: served while it is refreshed behind, or when the upstream fails
};

struct Purge {
  Selection selection;
  PurgeKind kind = PurgeKind::hard;
  friend bool operator==(const Purge&, const Purge&) = default;
};

/// `response` after a soft purge at `at`: it is fresh no longer than until then. A negative answer, which is
/// never used stale, is no longer usable either. An index of variants stays as it is: it answers nothing
/// itself, and the variants that it leads to are made stale by the same purge.
[[nodiscard]] StoredResponse made_stale(StoredResponse response, WallTime at);

}  // namespace roktcached::caching
