// Plays random messages, sound and spoiled, against the daemon's parser and its gates, and against a second
// reading, which is slow and plain. Both must take the same messages, up to the same byte, and refuse the
// same ones; and our verdict must not depend on how the bytes are cut into pieces. So whatever Boost.Beast
// would read in a way of its own shows.
//
// Usage: http_readers [--seed N] [--rounds N]    without --seed: a random one, which is printed
#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>

#include "core/http/fields.h"
#include "tests/fuzz/plain_reading.h"
#include "tests/fuzz/wire_readings.h"

namespace {

using namespace roktcached::fuzz;

/// A run of so many rounds reaches every kind of outcome.
constexpr std::uint64_t rounds_that_reach_all = 100'000;

struct Options {
  std::uint64_t seed = 0;
  std::uint64_t rounds = 200'000;
};

using Counts = std::map<std::string_view, std::uint64_t>;

std::string escaped(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    if (c >= 0x20 && c < 0x7f && c != '\\') {
      text += c;
      continue;
    }
    std::array<char, 5> code{};
    std::snprintf(code.data(), code.size(), "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
    text += code.data();
  }
  return text;
}

/// Beast by itself refuses a message for it.
constexpr const char* odd_connection = "Connection is no list of tokens";

bool has_odd_connection(const Reading& reading) {
  return std::ranges::any_of(reading.fields, [](const auto& field) {
    return roktcached::http::equal_ignoring_case(field.first, "Connection") &&
           !std::ranges::all_of(roktcached::http::list_members(field.second), roktcached::http::is_token);
  });
}

/// @return false if two readings differ that must not
bool play(Random& random, Counts& counts, std::uint64_t round, std::uint64_t seed) {
  const WireMessage message = random_message(random);
  const CacheOutcome ours = our_reading(message, message.bytes.size() + 1, random);
  const CacheOutcome in_pieces = our_reading(message, random.percent(30) ? 1 : 1 + random.index(40), random);
  const CacheOutcome plain = plain_reading(message);
  const bool request = message.kind == roktcached::http::HeadKind::request;
  const auto differ = [&](const char* what, const CacheOutcome& other) {
    std::printf(
        "http_readers: seed %" PRIu64 ", round %" PRIu64 ": %s\n  bytes  %s%s\n  ours   %s\n  other  %s\n",
        seed, round, what, escaped(message.bytes).c_str(), message.answers_head ? " (answers HEAD)" : "",
        escaped(to_text(ours)).c_str(), escaped(to_text(other)).c_str());
    return false;
  };
  if (ours != in_pieces) return differ("the verdict depends on how the bytes are cut", in_pieces);
  // We refuse as soon as no further byte can mend a message; the plain reading when a part is whole.
  const bool agreed = ours.refused ? !plain.reading : ours.reading == plain.reading && !plain.refused;
  if (!agreed) return differ("the plain reading is another", plain);
  if (!ours.reading) {
    ++counts[ours.refused ? (plain.refused ? "refused" : "refused early") : "not whole"];
    return true;
  }
  if (has_odd_connection(*ours.reading)) ++counts[odd_connection];
  ++counts[request ? "requests taken" : "responses taken"];
  return true;
}

int run(const Options& options) {
  std::printf("http_readers: seed %" PRIu64 "\n", options.seed);
  std::fflush(stdout);
  Random random(options.seed);
  Counts counts;
  for (std::uint64_t round = 1; round <= options.rounds; ++round) {
    if (!play(random, counts, round, options.seed)) return 1;
  }
  std::printf("http_readers: seed %" PRIu64 ", %" PRIu64 " rounds, no difference (", options.seed,
              options.rounds);
  const char* separator = "";
  for (const auto& [what, count] : counts) {
    std::printf("%s%.*s %" PRIu64, separator, static_cast<int>(what.size()), what.data(), count);
    separator = "; ";
  }
  std::printf(")\n");
  if (options.rounds < rounds_that_reach_all) return 0;
  bool all = true;
  for (const char* what :
       {"requests taken", "responses taken", "refused", "not whole", "refused early", odd_connection}) {
    if (counts.contains(what)) continue;
    std::printf("http_readers: never reached: %s\n", what);
    all = false;
  }
  return all ? 0 : 1;
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
    const bool rounds = std::strcmp(argv[i], "--rounds") == 0;
    std::uint64_t& number = seed ? options.seed : options.rounds;
    if ((!seed && !rounds) || i + 1 == argc || !read_number(argv[i + 1], number)) {
      std::fprintf(stderr, "usage: http_readers [--seed N] [--rounds N]\n");
      return 2;
    }
  }
  return run(options);
}
