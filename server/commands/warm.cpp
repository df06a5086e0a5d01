#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <cstdio>
#include <utility>

#include "core/number.h"
#include "core/printable.h"
#include "server/commands/admin_client.h"
#include "server/commands/commands.h"
#include "server/commands/interruption.h"
#include "server/commands/json_values.h"
#include "server/commands/text.h"
#include "server/commands/warm_queue.h"
#include "server/system_clock.h"

namespace roktcached::commands {

namespace json = boost::json;

namespace {

constexpr std::chrono::seconds budget_every{1};

std::string request_of(const std::vector<std::string>& targets, const std::string& rokt_version) {
  json::object content;
  content["targets"] = json::array(targets.begin(), targets.end());
  if (!rokt_version.empty()) content["rokt_version"] = rokt_version;
  return json::serialize(content);
}

/// The requests that may go upstream now, for all credentials; empty if the daemon does not say.
std::string budget_text(const config::Admin& admin) {
  const auto answer = get_from_admin(admin, "/status");
  const auto status = answer ? content_of(*answer) : std::nullopt;
  if (!status) return {};
  double available = 0;
  std::uint64_t waiting = 0;
  bool limited = false;
  for (const json::value& credential : array_at(*status, {"upstream", "credentials"})) {
    limited = limited || number_at(credential, {"budget", "ceiling"}) > 0;
    available += std::max(number_at(credential, {"budget", "available"}), 0.0);
    waiting += count_at(credential, {"budget", "queued"});
  }
  return limited ? fmt::format("budget {:.0f} free, {} wait", available, waiting)
                 : fmt::format("budget without limit, {} wait", waiting);
}

/// Shows how far it is: on a terminal a bar on standard error, else a line for each target on standard
/// output.
class Progress {
 public:
  explicit Progress(const config::Admin& admin)
      : admin_(admin), on_terminal_(::isatty(STDERR_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1) {}
  ~Progress() { erase(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(const WarmQueue& queue, const std::vector<WarmQueue::Ended>& ended) {
    erase();
    for (const WarmQueue::Ended& one : ended) {
      const bool well = one.outcome == "fresh" || one.outcome == "fetched" || one.outcome == "confirmed";
      if (on_terminal_ && well) continue;
      fmt::print("{} {}{}{}\n", one.outcome, printable(one.target), one.detail.empty() ? "" : ": ",
                 printable(one.detail));
    }
    std::fflush(stdout);
    if (!on_terminal_) return;
    const SteadyTime now = clock_.steady_now();
    rate_.note(now, queue.ended());
    if (now >= budget_at_) {
      budget_ = budget_text(admin_);
      budget_at_ = now + budget_every;
    }
    const std::string line = progress_text(queue.ended(), queue.total(), rate_.per_second(), budget_);
    fmt::print(stderr, "\r{}", line);
    shown_ = line.size();
  }

 private:
  void erase() {
    if (shown_ > 0) fmt::print(stderr, "\r{}\r", std::string(shown_, ' '));
    shown_ = 0;
  }

  const config::Admin& admin_;
  const bool on_terminal_;
  const SystemClock clock_;
  WarmRate rate_;
  std::string budget_;
  SteadyTime budget_at_ = SteadyTime::min();
  std::size_t shown_ = 0;
};

void print_summary(const WarmQueue& queue) {
  std::string counts;
  for (const char* outcome : {"fetched", "confirmed", "fresh", "not-stored", "refused", "failed"}) {
    if (const std::uint64_t count = queue.count(outcome); count > 0)
      counts += fmt::format("{}{} {}", counts.empty() ? ": " : ", ", grouped(count), outcome);
  }
  fmt::print("warmed {} of {}{}\n", grouped(queue.ended() - queue.not_warm()), grouped(queue.total()),
             counts);
}

constexpr const char* run_again = "run it again for the rest: what is fresh in the cache costs nothing";

/// Has all of them warmed. @return an ExitCode
int warm_all(const config::Admin& admin, const WarmOptions& options, WarmQueue& queue, Progress& progress,
             const Interruption& interruption) {
  const SystemClock clock;
  SteadyTime last_end = clock.steady_now();
  while (!queue.finished()) {
    const SteadyTime asked_at = clock.steady_now();
    const auto answer =
        post_to_admin(admin, "/warm", request_of(queue.take(), options.rokt_version), interruption.flag());
    if (interruption.came()) return fail(failed, fmt::format("interrupted; {}", run_again));
    if (!answer) return fail(unavailable, fmt::format("{}; {}", answer.error().context, run_again));
    const auto content = content_of(*answer);
    if (!content) return fail_with(*answer);
    const SteadyTime now = clock.steady_now();
    const auto ended =
        queue.settle(*content, std::chrono::duration_cast<std::chrono::milliseconds>(now - asked_at));
    if (!ended.empty()) last_end = now;
    progress.show(queue, ended);
    if (now - last_end >= std::chrono::seconds{options.give_up_after_s} && !queue.finished())
      return fail(unavailable, fmt::format("the upstream has had nothing to spare for {} s; {}",
                                           options.give_up_after_s, run_again));
    if (queue.pause().count() > 0) ::poll(nullptr, 0, static_cast<int>(queue.pause().count()));
    if (interruption.came()) return fail(failed, fmt::format("interrupted; {}", run_again));
  }
  return queue.not_warm() == 0 ? success : failed;
}

}  // namespace

int warm(const std::optional<std::string>& config_file, const WarmOptions& options) {
  auto settings = load_settings(config_file);
  if (!settings || !load_admin_token(*settings)) return configuration;
  auto targets = read_targets(options.file);
  if (!targets) return fail(failed, targets.error().context);
  WarmQueue queue(std::move(*targets));
  const Interruption interruption;
  int code = success;
  {
    Progress progress(settings->admin);
    code = warm_all(settings->admin, options, queue, progress, interruption);
  }
  print_summary(queue);
  return code;
}

}  // namespace roktcached::commands
