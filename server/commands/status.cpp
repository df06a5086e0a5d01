#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "core/printable.h"
#include "server/commands/admin_client.h"
#include "server/commands/commands.h"
#include "server/commands/status_text.h"
#include "server/system_clock.h"

namespace roktcached::commands {

namespace {

/// Puts the cursor of a terminal into its corner, and removes what was there.
constexpr const char* clear_screen = "\x1b[H\x1b[2J";

int show(const AdminAnswer& answer, const StatusOptions& options) {
  const auto content = content_of(answer);
  if (!content) return fail_with(answer);
  if (options.json) {
    fmt::print("{}", printable_json(answer.body));
  } else {
    fmt::print("{}", status_text(*content, SystemClock().wall_now()));
  }
  return success;
}

}  // namespace

int status(const std::optional<std::string>& config_file, const StatusOptions& options) {
  const auto settings = load_settings(config_file);
  if (!settings) return configuration;
  const bool on_terminal = ::isatty(STDOUT_FILENO) == 1;
  while (true) {
    const auto answer = get_from_admin(settings->admin, "/status");
    if (!answer && !options.watch) return fail(unavailable, answer.error().context);
    if (options.watch && on_terminal && !options.json) fmt::print("{}", clear_screen);
    // A daemon that is started anew is seen to come back.
    const int shown = answer ? show(*answer, options) : fail(unavailable, answer.error().context);
    if (!options.watch) return shown;
    if (!on_terminal && !options.json) fmt::print("\n");
    std::fflush(stdout);
    if (std::ferror(stdout) != 0) return failed;  // its reader has gone
    std::this_thread::sleep_for(std::chrono::duration<double>(options.interval_s));
  }
}

}  // namespace roktcached::commands
