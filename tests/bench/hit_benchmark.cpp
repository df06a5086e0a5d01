// The costs of the parts of a hit, each by itself: from the target to the key, the look-up in memory, the
// head of the answer, a row of the cache file; and what a batch costs that is written behind. For whoever
// changes one of them; what a whole hit costs says run.sh. Built where libbenchmark-dev is installed, when
// asked for: cmake --build --preset release --target hit_benchmark
//
// Usage: hit_benchmark [--benchmark_filter=REGEX]
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/caching/decision.h"
#include "core/http/target.h"
#include "core/http/validators.h"
#include "core/rokt/parameters.h"
#include "core/rokt/routes.h"
#include "server/proxy/answers.h"
#include "storage/memory/memory_store.h"
#include "storage/sqlite/sqlite_store.h"

namespace {

using namespace roktcached;
using caching::Key;
using storage::StoredResponse;
using storage::StoredResponsePtr;

constexpr WallTime now = std::chrono::sys_days{std::chrono::year{2026} / 10 / 14};
constexpr std::size_t body_size = 1024;
constexpr std::size_t keys_in_turn = 4096;  // a power of two

template <class T>
T value_of(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().context);
  return std::move(*result);
}

std::string target(std::size_t number) {
  return "/reporting/accounts/" + std::to_string(1 + number / 1000) + "/campaigns/" +
         std::to_string(1 + number % 1000) +
         "/overview?dateStart=2026-01-01&dateEnd=2026-01-31&currency=USD&timeZoneVariation=America/New_York";
}

/// As cache_request_of does it (server/proxy/target_request.h).
Key key_of_target(const rokt::RouteTable& routes, const std::string& text, const http::Fields& fields) {
  const http::Target parsed = value_of(http::parse_target(text));
  const rokt::RouteMatch match = value_of(routes.match("GET", parsed.path));
  const auto parameters = http::parse_query(parsed.query);
  const auto checked = value_of(rokt::check_parameters(*match.route, parameters, {}));
  benchmark::DoNotOptimize(checked);
  return caching::key_of("default", parsed.path, parameters, value_of(caching::requested_version(fields)));
}

/// As a breakdown is: names that repeat, numbers that do not.
std::string report() {
  std::string text = R"({"currency":"USD","rows":[)";
  for (unsigned i = 1; text.size() < body_size - 100; ++i) {
    text += R"({"country":"US","impressions":)" + std::to_string(i * 7919 % 900'001) + R"(,"referrals":)" +
            std::to_string(i * 104'729 % 90'001) + R"(,"grossCost":)" +
            std::to_string(i * 15'485'863 % 9'000'011) + "},";
  }
  text.back() = ']';
  return text + "}";
}

StoredResponsePtr response_of(Key key) {
  static const auto body = caching::share_body(report());
  StoredResponse response;
  response.key = std::move(key);
  response.route = "campaign-overview";
  response.account_id = "12";
  response.campaign_id = "3";
  response.head = "Content-Type: application/json\r\n";
  response.body = body;
  response.entity_tag = http::entity_tag_of(*response.body);
  response.range_end = now - std::chrono::days{60};
  response.fetched_at = now - std::chrono::minutes{5};
  response.fresh_until = now + std::chrono::days{7};
  response.usable_until = now + std::chrono::days{14};
  return caching::share(std::move(response));
}

std::vector<StoredResponsePtr> responses(std::size_t count) {
  const rokt::RouteTable routes(rokt::rokt_routes());
  std::vector<StoredResponsePtr> made;
  for (std::size_t i = 0; i < count; ++i) made.push_back(response_of(key_of_target(routes, target(i), {})));
  return made;
}

/// Keys of what is stored, in an order that no cache of the processor foresees.
std::vector<Key> some_keys(const std::vector<StoredResponsePtr>& stored) {
  std::mt19937_64 random(1);
  std::vector<Key> keys;
  for (std::size_t i = 0; i < keys_in_turn; ++i) keys.push_back(stored[random() % stored.size()]->key);
  return keys;
}

/// The fields that a client of the usual kind sends.
http::Request request() {
  http::Request made;
  made.method = "GET";
  made.target = target(0);
  made.fields.add("Host", "localhost:8080");
  made.fields.add("User-Agent", "python-requests/2.32.3");
  made.fields.add("Accept-Encoding", "gzip, deflate");
  made.fields.add("Accept", "application/json");
  made.id = "4a1f0c1e5b2d4e6f8091a2b3c4d5e6f7";
  return made;
}

void route_parameters_and_key(benchmark::State& state) {
  const rokt::RouteTable routes(rokt::rokt_routes());
  const http::Request asked = request();
  for (auto _ : state) benchmark::DoNotOptimize(key_of_target(routes, asked.target, asked.fields));
}
BENCHMARK(route_parameters_and_key);

void find_in_memory(benchmark::State& state) {
  storage::MemoryStore store(std::uint64_t{4} << 30);
  const auto stored = responses(static_cast<std::size_t>(state.range(0)));
  for (const auto& response : stored) store.put(response);
  const auto keys = some_keys(stored);
  std::size_t at = 0;
  for (auto _ : state) {
    const auto found = store.find(keys[at++ % keys_in_turn], now);
    if (!found || !*found) throw std::logic_error("not found");
  }
}
BENCHMARK(find_in_memory)->Arg(1)->Arg(10'000)->Arg(300'000);

Key small_key(std::size_t number) {
  return Key("default /" + std::to_string(number) + " LATEST");
}

StoredResponsePtr small_response(std::size_t number) {
  static const auto body = caching::share_body("{}");
  StoredResponse response;
  response.key = small_key(number);
  response.body = body;
  return caching::share(std::move(response));
}

/// Of this thread; what others take from it on a busy machine is not in it.
std::chrono::nanoseconds processor_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

/// Neither a look-up nor the longest put on the way may grow with what is kept, but for what the processor's
/// caches no longer hold. Ten million take 4 GB.
void find_among_small(benchmark::State& state) {
  storage::MemoryStore store(std::uint64_t{64} << 30);
  const auto count = static_cast<std::size_t>(state.range(0));
  std::chrono::nanoseconds longest_put{0};
  for (std::size_t i = 0; i < count; ++i) {
    auto response = small_response(i);
    const auto began = processor_time();
    store.put(std::move(response));
    longest_put = std::max(longest_put, processor_time() - began);
  }
  std::mt19937_64 random(1);
  std::vector<Key> keys;
  for (std::size_t i = 0; i < std::size_t{1} << 16; ++i) keys.push_back(small_key(random() % count));
  std::size_t at = 0;
  for (auto _ : state) {
    const auto found = store.find(keys[at++ % keys.size()], now);
    if (!found || !*found) throw std::logic_error("not found");
  }
  state.counters["longest_put_us"] = static_cast<double>(longest_put.count()) / 1000;
}
BENCHMARK(find_among_small)->Arg(1)->Arg(1000)->Arg(1'000'000)->Arg(10'000'000)->Iterations(1 << 20);

void put_in_full_memory(benchmark::State& state) {
  const auto stored = responses(20'000);
  storage::MemoryStore store(std::uint64_t{8} << 20);
  std::size_t at = 0;
  for (auto _ : state) store.put(stored[at++ % stored.size()]);
}
BENCHMARK(put_in_full_memory);

void answer(benchmark::State& state, const http::Request& asked, const StoredResponsePtr& response) {
  const caching::FreshnessPolicy policy;
  http::Answer made;
  for (auto _ : state) {
    made.clear();
    const http::CacheStatus status{.hit = true, .ttl = caching::ttl_of(*response, now)};
    proxy::answer_with(made, asked, response, status, true, policy, now);
    benchmark::DoNotOptimize(made);
  }
}

void head_of_answer(benchmark::State& state) {
  answer(state, request(), responses(1).front());
}
BENCHMARK(head_of_answer);

void head_of_304(benchmark::State& state) {
  const StoredResponsePtr response = responses(1).front();
  http::Request asked = request();
  asked.fields.add("If-None-Match", response->entity_tag.view());
  answer(state, asked, response);
}
BENCHMARK(head_of_304);

/// A cache file of its own, which goes with it.
class CacheFile {
 public:
  CacheFile() {
    std::string pattern = (std::filesystem::temp_directory_path() / "roktcached-bench-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    folder_ = pattern;
    storage::SqliteOptions options;
    options.path = folder_ / "cache.db";
    options.linger = std::chrono::milliseconds{0};
    store_ = value_of(storage::SqliteStore::open(std::move(options)));
  }
  ~CacheFile() {
    store_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  CacheFile(const CacheFile&) = delete;
  CacheFile& operator=(const CacheFile&) = delete;

  storage::SqliteStore& operator*() { return *store_; }
  storage::SqliteStore* operator->() { return store_.get(); }

 private:
  std::filesystem::path folder_;
  std::unique_ptr<storage::SqliteStore> store_;
};

void find_on_disk(benchmark::State& state) {
  CacheFile file;
  const auto stored = responses(static_cast<std::size_t>(state.range(0)));
  for (std::size_t i = 0; i < stored.size(); ++i) {
    file->put(stored[i]);
    if (i % keys_in_turn == 0) file->flush();
  }
  file->flush();
  const auto keys = some_keys(stored);
  std::size_t at = 0;
  for (auto _ : state) {
    const auto found = file->find(keys[at++ % keys_in_turn], now);
    if (!found || !*found) throw std::logic_error("not found");
  }
}
BENCHMARK(find_on_disk)->Arg(1)->Arg(100'000);

/// Batches until they are on the disk; each writes other rows than the one before.
void write_a_batch(benchmark::State& state) {
  CacheFile file;
  const auto batch = static_cast<std::size_t>(state.range(0));
  const auto stored = responses(100'000);
  std::size_t at = 0;
  for (auto _ : state) {
    for (std::size_t i = 0; i < batch; ++i) file->put(stored[at++ % stored.size()]);
    file->flush();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(write_a_batch)->Arg(1)->Arg(512)->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
