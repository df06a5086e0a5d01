#include "storage/sqlite/verify.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "core/number.h"
#include "core/printable.h"
#include "server/commands/commands.h"
#include "server/commands/interruption.h"
#include "server/commands/text.h"

namespace roktcached::commands {

namespace {

/// As many damaged rows are named.
constexpr std::size_t most_named = 100;

/// How far it is: a line on a terminal that is written over again and again.
class RowProgress {
 public:
  explicit RowProgress(const Interruption& interruption)
      : interruption_(interruption), on_terminal_(::isatty(STDERR_FILENO) == 1) {}
  ~RowProgress() {
    if (shown_) fmt::print(stderr, "\r{:<60}\r", "");
  }
  RowProgress(const RowProgress&) = delete;
  RowProgress& operator=(const RowProgress&) = delete;

  bool operator()(std::uint64_t rows, std::uint64_t of) {
    if (on_terminal_) {
      fmt::print(stderr, "\r{:<60}",
                 fmt::format("{} of {} rows ({})", grouped(rows), grouped(of), share_text(rows, of)));
      shown_ = true;
    }
    return !interruption_.came();
  }

 private:
  const Interruption& interruption_;
  const bool on_terminal_;
  bool shown_ = false;
};

int say(const std::string& path, const storage::Verification& found) {
  fmt::print("{}: {} rows, {} of content\n", path, grouped(found.rows), size_text(found.bytes));
  for (std::size_t i = 0; i < found.damaged.size() && i < most_named; ++i)
    fmt::print("damaged: {}\n", printable(found.damaged[i].what));
  if (found.damaged.size() > most_named)
    fmt::print("damaged: and {} more\n", grouped(found.damaged.size() - most_named));
  for (const std::string& fault : found.structure) fmt::print("structure: {}\n", printable(fault));
  if (found.damaged.empty() && found.structure.empty()) fmt::print("sound\n");
  if (found.removed > 0) fmt::print("removed {} damaged rows\n", grouped(found.removed));
  if (found.is_sound()) return success;
  if (!found.structure.empty())
    return fail(failed,
                "the file's structure is damaged, and nothing is repaired; remove the file, or start the "
                "daemon, which sets it aside where it meets the damage");
  return fail(failed,
              "a daemon serves none of these rows, and removes what it meets; "
              "`roktcached verify --repair` removes them while no daemon runs");
}

}  // namespace

int verify(const std::optional<std::string>& config_file, const VerifyOptions& options) {
  std::string path = options.file;
  if (path.empty()) {
    const auto settings = load_settings(config_file);
    if (!settings) return configuration;
    path = settings->cache.file;
  }
  if (path.empty()) return fail(unavailable, "cache.file is \"\": there is no cache file, memory alone");
  const Interruption interruption;
  Result<storage::Verification> found = storage::Verification{};
  {
    RowProgress progress(interruption);
    const auto watched = [&](std::uint64_t rows, std::uint64_t of) { return progress(rows, of); };
    const auto report = [](std::string_view line) {
      fmt::print(stderr, "roktcached: {}\n", printable(line));
    };
    found = options.repair ? storage::repair_cache_file(path, watched, report)
                           : storage::verify_cache_file(path, watched);
  }
  if (found) return say(path, *found);
  const ErrorCode code = found.error().code;
  const bool is_damage = code == ErrorCode::storage_corrupt || code == ErrorCode::client_gone;
  const std::string& why = found.error().context;
  return fail(is_damage ? failed : unavailable,
              why.find(path) == std::string::npos ? path + ": " + why : why);
}

}  // namespace roktcached::commands
