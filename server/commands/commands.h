#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "config/settings.h"
#include "server/simulator/simulator.h"

namespace roktcached::commands {

/// Exit codes of the process (sysexits.h for the last two).
enum ExitCode { success = 0, failed = 1, usage = 2, unavailable = 69, configuration = 78 };

/// Each verb of the command line; prints its result on standard output, its errors on standard error.
/// @param config_file  from --config, or empty
/// @return an ExitCode

/// Runs the proxy until it is told to stop.
/// @param demo  serve a simulator of its own, without credentials and cache file: invented numbers never mix
///              with real ones
/// @param take_over  from the running daemon, if there is one; see server/handover.h
[[nodiscard]] int serve(const std::optional<std::string>& config_file, bool demo, bool take_over);

/// Refuses all that serve would refuse of its settings and of what they name, and prints the effective
/// settings, secrets redacted. An address that is taken is not refused: a running daemon has it.
/// @param no_secrets  there are none, as in CI; see Secrets::skip
[[nodiscard]] int check(const std::optional<std::string>& config_file, bool no_secrets);

/// Prints the route table.
[[nodiscard]] int routes(const std::optional<std::string>& config_file);

struct ExplainOptions {
  std::string target;
  std::string rokt_version;  ///< as the client would send it; empty: not sent
  std::string body_file;     ///< the content of a question to the Query API; "-": standard input
  bool offline = false;      ///< from the settings alone, whether a daemon runs or not
  bool json = false;         ///< as the admin listener says it
};

/// Prints route, key and freshness of a request; and what the running daemon would answer now, and why. Where
/// none answers, or with `offline`, it is told from the settings alone.
[[nodiscard]] int explain(const std::optional<std::string>& config_file, const ExplainOptions& options);

/// Some of the entries: one of route, account, target and key; `campaign` with `account` only.
struct EntrySelection {
  std::optional<std::string> account;
  std::optional<std::string> campaign;
  std::optional<std::string> route;
  std::optional<std::string> target;
  std::optional<std::string> key;

  /// Each by its name in requests to the admin listener.
  [[nodiscard]] std::array<std::pair<const char*, const std::optional<std::string>*>, 5> named() const {
    return {{{"account", &account},
             {"campaign", &campaign},
             {"route", &route},
             {"target", &target},
             {"key", &key}}};
  }
};

/// The selection of a purge: one of them, or all.
struct PurgeOptions : EntrySelection {
  bool all = false;
  bool soft = false;  ///< keep them, as stale
};

/// Has the running daemon purge its cache, over its admin listener, and prints how many entries it was.
/// `unavailable` where no daemon answers.
[[nodiscard]] int purge(const std::optional<std::string>& config_file, const PurgeOptions& options);

struct StatusOptions {
  bool json = false;   ///< as the admin listener says it
  bool watch = false;  ///< again and again, until the command is interrupted
  double interval_s = 2;
};

/// Prints the state of the running daemon at a glance. `unavailable` where no daemon answers; with `watch` it
/// goes on all the same.
[[nodiscard]] int status(const std::optional<std::string>& config_file, const StatusOptions& options);

/// Which entries are listed: those of the selection, or all.
struct ListOptions : EntrySelection {
  std::uint64_t limit = 100;
  bool hottest = false;  ///< of the entries, those that were asked for most
  bool json = false;     ///< as the admin listener says it
};

/// Prints what the running daemon has in its cache.
[[nodiscard]] int entries(const std::optional<std::string>& config_file, const ListOptions& options);

/// Prints which reports have changed after they had been given out, and what moved.
[[nodiscard]] int restatements(const std::optional<std::string>& config_file, const ListOptions& options);

struct WarmOptions {
  std::string file;          ///< "-": standard input
  std::string rokt_version;  ///< as a client would send it; empty: not sent
  std::uint64_t give_up_after_s = 300;
};

/// Has the running daemon bring the targets of a file into its cache, and shows how far it is. `failed` where
/// some could not be had, or it was interrupted; `unavailable` where no daemon answers, or the upstream has
/// had nothing to spare for `give_up_after_s`.
[[nodiscard]] int warm(const std::optional<std::string>& config_file, const WarmOptions& options);

struct VerifyOptions {
  std::string file;  ///< empty: the cache file of the settings
  bool repair = false;
};

/// Reads a whole cache file, and says what is damaged. `failed` where something is, and was not mended;
/// `unavailable` where there is no file, or it cannot be read.
[[nodiscard]] int verify(const std::optional<std::string>& config_file, const VerifyOptions& options);

/// Has the running daemon read its settings again, over its admin listener, and prints what it says of them.
/// `configuration` where they are in error, and the daemon goes on under those in force; `unavailable` where
/// no daemon answers.
[[nodiscard]] int reload(const std::optional<std::string>& config_file);

/// Prints the hash of a client's secret, for `client.secret_hash`. The secret is a line of standard input; at
/// a terminal it is asked for twice, unseen.
/// @param generate  make a secret instead, and print it, too
[[nodiscard]] int hash_secret(bool generate);

/// Runs the simulator alone until it is told to stop.
[[nodiscard]] int simulate(const simulator::Options& options);

[[nodiscard]] int print_version();

/// Has the running daemon log from this level on.
/// @param level  as log.level has it
[[nodiscard]] int log_level(const std::optional<std::string>& config_file, const std::string& level);

// Parts that verbs share.

/// Says on standard error why a verb ends so. @return `code`
/// @param why  one line or several; others may have chosen parts of it
int fail(int code, std::string_view why);

/// Reads the configuration as every verb does; says on standard error what is wrong with it.
/// @return empty if it is not usable: the verb ends with ExitCode::configuration
[[nodiscard]] std::optional<config::Settings> load_settings(const std::optional<std::string>& config_file);

/// Reads the admin token, where one is configured, likewise.
[[nodiscard]] bool load_admin_token(config::Settings& settings);

}  // namespace roktcached::commands
