#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"
#include "server/fleet/engine.h"
#include "server/fleet/sealing.h"

namespace roktcached::fleet {

/// The largest answer, in bytes, that goes into the log, so that those who wait for it need not ask for it.
inline constexpr std::size_t max_in_log = std::size_t{64} << 10;
/// Events that the log keeps, more or less.
inline constexpr std::string_view log_length = "10000";

/// The instances that share one credential, as the engine knows them: the names of their keys, and what seals
/// the values. Belongs to the upstream thread.
struct Crew {
  /// @param place       of the credential in the settings
  /// @param entry_keys  what seals answers: the first seals, all open; none: the credential's secret does
  Crew(std::size_t place, const config::Credential& its_credential, const std::string& upstream_url,
       const std::vector<config::Secret>& entry_keys)
      : credential(place),
        name(its_credential.name),
        prefix(key_prefix(its_credential.app_id.reveal(), upstream_url)),
        names(its_credential.app_id.reveal()),
        purges({its_credential.app_id.reveal()}, its_credential.app_id.reveal(), "purges"),
        budget_key(prefix + "b"),
        waiting_key(prefix + "w"),
        asked_key(prefix + "ws"),
        fences_key(prefix + "n"),
        token_key(prefix + "t"),
        token_lease_key(prefix + "tl"),
        token_fences_key(prefix + "tn"),
        flights_key(prefix + "fi"),
        log_key(prefix + "log"),
        purges_key(prefix + "p"),
        members_key(prefix + "m"),
        confirmed_key(prefix + "a"),
        epoch_key(prefix + "epoch") {
    std::vector<std::string_view> keys;
    keys.reserve(entry_keys.size());
    for (const config::Secret& key : entry_keys) keys.push_back(key.reveal());
    if (!keys.empty())
      answers = std::make_shared<const Sealer>(keys, its_credential.app_id.reveal(), "answers");
    seals_by_secret = keys.empty();
    seal_with(its_credential);
  }

  /// Takes the credential's secret, which may be another one now. What was sealed with the former one is
  /// still opened.
  void seal_with(const config::Credential& its_credential) {
    const config::Secret& secret = its_credential.app_secret;
    if (!secrets.empty() && secrets.front().reveal() == secret.reveal()) return;
    secrets.insert(secrets.begin(), secret);
    if (secrets.size() > 2) secrets.pop_back();
    std::vector<std::string_view> keys;
    keys.reserve(secrets.size());
    for (const config::Secret& key : secrets) keys.push_back(key.reveal());
    tokens = std::make_shared<const Sealer>(keys, its_credential.app_id.reveal(), "tokens");
    if (seals_by_secret)
      answers = std::make_shared<const Sealer>(keys, its_credential.app_id.reveal(), "answers");
  }

  const std::size_t credential;
  const std::string name;
  const std::string prefix;
  const Names names;
  /// Seals purges under the app id, not the secret: while a secret is renewed, every instance has to
  /// understand a purge.
  const Sealer purges;
  std::shared_ptr<const Sealer> answers;  // used by helpers, too
  std::shared_ptr<const Sealer> tokens;
  bool seals_by_secret = true;
  std::vector<config::Secret> secrets;  // the one in force, and the one before
  const std::string budget_key;
  const std::string waiting_key;
  const std::string asked_key;
  const std::string fences_key;
  const std::string token_key;
  const std::string token_lease_key;
  const std::string token_fences_key;
  const std::string flights_key;
  const std::string log_key;
  const std::string purges_key;
  const std::string members_key;
  const std::string confirmed_key;
  const std::string epoch_key;
};

/// How many instances there are.
struct Members {
  std::uint64_t present = 1;  ///< those that have shown themselves lately, this one among them
  std::uint64_t known = 1;    ///< those and the ones that are away
};

}  // namespace roktcached::fleet
