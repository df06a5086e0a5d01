// Plays random requests, answers, purges and clock moves against the code that decides, and against a slow
// and obvious model of RFC 9111 and of the policy for reports; they must not differ.
//
// A run is a row of small worlds, each with a policy, targets and a history of its own. A seed plays the same
// again, step by step.
//
// Usage: cache_model [--seed N] [--steps N]    without --seed: a random one, which is printed
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>

#include "tests/fuzz/http_world.h"
#include "tests/fuzz/play.h"
#include "tests/fuzz/report_world.h"

namespace {

using namespace roktcached;
using namespace roktcached::fuzz;
using std::chrono::milliseconds;

constexpr std::uint64_t steps_of_a_world = 4000;
/// A run of so many steps reaches every kind of verdict.
constexpr std::uint64_t steps_that_reach_all = 100'000;

struct Options {
  std::uint64_t seed = 0;
  std::uint64_t steps = 1'000'000;
};

/// The defaults, or any other lengths, zero ("never") among them.
caching::FreshnessPolicy random_policy(Random& random) {
  caching::FreshnessPolicy policy;
  if (random.percent(40)) return policy;
  using namespace std::chrono_literals;
  const auto span = [&](milliseconds usual) {
    return random.one_of<milliseconds>({usual, usual, usual, 0ms, 1s, 90s, 10min, 3h, 48h});
  };
  policy.open = span(policy.open);
  policy.restating = span(policy.restating);
  policy.restating_max = span(policy.restating_max);
  policy.restating_steady_after = random.one_of<std::uint64_t>({0, 1, 2, 3, 3, 5});
  policy.settled = span(policy.settled);
  policy.metadata = span(policy.metadata);
  policy.not_found = span(policy.not_found);
  policy.bad_request = span(policy.bad_request);
  policy.restatement_window = span(policy.restatement_window);
  policy.stale_while_revalidate = span(policy.stale_while_revalidate);
  policy.stale_if_error = span(policy.stale_if_error);
  policy.min_refetch_interval = span(policy.min_refetch_interval);
  return policy;
}

/// Plays up to `steps`, and counts those that were played in `done`.
std::optional<Difference> play_world(Random random, std::uint64_t steps, std::uint64_t& done, Tally& tally,
                                     Trace& trace) {
  PlayedClock clock;
  const caching::FreshnessPolicy policy = random_policy(random);
  HttpWorld http(policy, random, clock, tally, trace);
  ReportWorld reports(policy, random, clock, tally, trace);
  for (std::uint64_t i = 0; i < steps; ++i) {
    ++done;
    if (random.percent(1)) {
      clock.set(random);
      ++tally["clock set"];
    } else {
      clock.pass(random);
    }
    if (auto difference = random.percent(50) ? http.step() : reports.step()) return difference;
  }
  return std::nullopt;
}

void report(const Difference& difference, std::uint64_t seed, std::uint64_t step, Trace& trace) {
  std::printf("cache_model: seed %" PRIu64 ", a difference at step %" PRIu64 "\n  key    %s\n", seed, step,
              difference.key.c_str());
  std::printf("  code   %s\n  model  %s\nThe last steps of this key, as the model has them:\n",
              difference.code.c_str(), difference.model.c_str());
  for (const auto& line : trace.of(difference.key)) std::printf("  %s\n", line.c_str());
  std::printf("Again: cache_model --seed %" PRIu64 " --steps %" PRIu64 "\n", seed, step);
}

/// "hits 12, fetches 3": what of `expected` was reached, without the word that all of them begin with.
void print_counts(const char* name, const std::vector<std::string_view>& expected, const Tally& tally) {
  std::printf("%s:", name);
  const char* separator = " ";
  for (const auto kind : expected) {
    const auto found = tally.find(kind);
    const std::string_view words = kind.substr(std::strlen(name) + 1);
    std::printf("%s%" PRIu64 " %.*s", separator, found == tally.end() ? 0 : found->second,
                static_cast<int>(words.size()), words.data());
    separator = "; ";
  }
}

bool all_reached(const std::vector<std::string_view>& expected, const Tally& tally) {
  bool all = true;
  for (const auto kind : expected) {
    if (tally.contains(kind)) continue;
    std::printf("cache_model: never reached: %.*s\n", static_cast<int>(kind.size()), kind.data());
    all = false;
  }
  return all;
}

int run(const Options& options) {
  std::printf("cache_model: seed %" PRIu64 "\n", options.seed);
  std::fflush(stdout);
  Random worlds(options.seed);
  Tally tally;
  std::uint64_t done = 0;
  while (done < options.steps) {
    Trace trace;
    const Random random(static_cast<std::uint64_t>(worlds.between(0, INT64_MAX - 1)));
    const std::uint64_t steps = std::min(steps_of_a_world, options.steps - done);
    if (const auto difference = play_world(random, steps, done, tally, trace)) {
      report(*difference, options.seed, done, trace);
      return 1;
    }
  }
  std::printf("cache_model: seed %" PRIu64 ", %" PRIu64 " steps, no difference (", options.seed, done);
  print_counts("http", HttpWorld::expected(), tally);
  std::printf(" | ");
  print_counts("report", ReportWorld::expected(), tally);
  std::printf(" | %" PRIu64 " times the clock was set)\n", tally["clock set"]);
  if (done < steps_that_reach_all) return 0;
  const bool http = all_reached(HttpWorld::expected(), tally);
  return all_reached(ReportWorld::expected(), tally) && http ? 0 : 1;
}

bool read_number(const char* text, std::uint64_t& number) {
  char* end = nullptr;
  number = std::strtoull(text, &end, 10);
  return end != text && *end == '\0' && *text != '-';
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  std::random_device device;
  options.seed = device();
  for (int i = 1; i < argc; i += 2) {
    const bool seed = std::strcmp(argv[i], "--seed") == 0;
    const bool steps = std::strcmp(argv[i], "--steps") == 0;
    std::uint64_t& number = seed ? options.seed : options.steps;
    if ((!seed && !steps) || i + 1 == argc || !read_number(argv[i + 1], number)) {
      std::fprintf(stderr, "usage: cache_model [--seed N] [--steps N]\n");
      return 2;
    }
  }
  return run(options);
}
