// Fills a cache file with a report for each target that stands on standard input, one a line: what the daemon
// would have stored had it fetched them, by the same code (route, parameters, key, lifetime, SqliteStore), a
// hundred times faster. The daemon that is then started with the same app id and upstream finds them all.
// Started by run.py.
//
// Usage: fill_cache CACHE_FILE APP_ID UPSTREAM_URL BODY_FILE <TARGETS
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>

#include "core/caching/freshness.h"
#include "core/http/target.h"
#include "core/http/validators.h"
#include "core/rokt/parameters.h"
#include "core/rokt/routes.h"
#include "storage/sqlite/sqlite_store.h"

namespace {

using namespace roktcached;

constexpr std::string_view credential = "default";
constexpr std::size_t puts_at_once = 4096;  // fewer than the queue holds: a fuller one would drop some

template <class T>
T value_of(Result<T> result, std::string_view what) {
  if (!result) throw std::runtime_error(std::string(what) + ": " + result.error().context);
  return std::move(*result);
}

std::string contents_of(const char* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(std::string(path) + ": cannot be read");
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// Makes of a target what its fetch would have left.
class Responses {
 public:
  explicit Responses(std::string body)
      : routes_(rokt::rokt_routes()),
        body_(caching::share_body(std::move(body))),
        entity_tag_(http::entity_tag_of(*body_)),
        now_(std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now())) {}

  [[nodiscard]] storage::StoredResponsePtr of(const std::string& text) const {
    const http::Target target = value_of(http::parse_target(text), text);
    const rokt::RouteMatch match = value_of(routes_.match("GET", target.path), text);
    const auto parameters = http::parse_query(target.query);
    const auto checked = value_of(rokt::check_parameters(*match.route, parameters, {}), text);
    const auto lifetime =
        caching::lifetime_of(match.route->route_class, 200, checked.range_end, now_, policy_);
    if (!lifetime) throw std::runtime_error(text + ": would not be kept");
    caching::StoredResponse response;
    response.key =
        caching::key_of(credential, target.path, parameters, value_of(caching::requested_version({}), text));
    response.route = match.route->name;
    response.account_id = match.account_id;
    response.campaign_id = match.campaign_id;
    response.head = "Content-Type: application/json\r\n";
    response.body = body_;
    response.entity_tag = entity_tag_;
    response.range_end = checked.range_end;
    response.fetched_at = now_;
    response.fresh_until = lifetime->fresh_until;
    response.usable_until = lifetime->usable_until;
    return caching::share(std::move(response));
  }

 private:
  const rokt::RouteTable routes_;
  const caching::BodyPtr body_;
  const std::string entity_tag_;
  const WallTime now_;
  const caching::FreshnessPolicy policy_;
};

/// @param owner  as the daemon will know the credential when it opens the file
void fill(const std::string& path, storage::RowOwner owner, const Responses& responses) {
  storage::SqliteOptions options;
  options.path = path;
  options.max_disk = std::uint64_t{64} << 30;
  options.owners.push_back(std::move(owner));
  options.linger = std::chrono::milliseconds{0};
  options.report = [](std::string_view line) { std::cerr << line << '\n'; };
  const auto store = value_of(storage::SqliteStore::open(std::move(options)), path);
  std::size_t count = 0;
  for (std::string target; std::getline(std::cin, target);) {
    store->put(responses.of(target));
    if (++count % puts_at_once == 0) store->flush();
  }
  store->flush();
  const auto statistics = store->statistics().front();
  if (statistics.entries != count || statistics.dropped_writes != 0)
    throw std::runtime_error(path + ": holds " + std::to_string(statistics.entries) + " entries after " +
                             std::to_string(count) + " writes");
  std::printf("%zu entries\n", count);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: fill_cache CACHE_FILE APP_ID UPSTREAM_URL BODY_FILE <TARGETS\n");
    return 2;
  }
  try {
    std::ios::sync_with_stdio(false);
    // The fingerprint of Daemon::open_store.
    const std::string fingerprint = http::entity_tag_of(std::string(argv[2]) + "\n" + argv[3]);
    fill(argv[1], {std::string(credential), fingerprint}, Responses(contents_of(argv[4])));
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "fill_cache: %s\n", failure.what());
    return 1;
  }
}
