#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/object.hpp>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/caching/selection.h"
#include "core/error.h"
#include "core/time.h"
#include "server/admin/history.h"
#include "server/counters/client_stats.h"
#include "server/counters/request_stats.h"
#include "server/fleet/fleet.h"
#include "server/http/message.h"
#include "server/proxy/account_zones.h"
#include "server/proxy/fetch/fetch_table.h"
#include "server/proxy/warming/scheduled_warming.h"
#include "server/reloads.h"
#include "server/runtime.h"
#include "server/session/listener.h"
#include "server/session/listeners.h"
#include "server/upstream/upstream_client.h"
#include "server/worker_pool.h"
#include "storage/body_account.h"
#include "storage/response_store.h"

namespace roktcached::admin {

/// The parts that the admin listener reads; all of them outlive the handler and may be read from any thread.
struct Sources {
  const std::vector<std::unique_ptr<counters::ClientStats>>& client_stats;
  const std::vector<std::unique_ptr<counters::RequestStats>>& request_stats;
  const session::ConnectionBudget& connections;
  const std::unique_ptr<session::Listeners>& listeners;         ///< of the main thread
  const std::unique_ptr<session::Listeners>& health_listeners;  ///< likewise
  storage::ResponseStore& store;
  const storage::BodyAccount& bodies;
  const RuntimePtr& runtime;  ///< in force; changed on the main thread, which is the handler's
  Reloads& reloads;           ///< of that thread, too
  proxy::FetchTable& fetches;
  const proxy::AccountZones& zones;
  const proxy::ScheduledWarming& warming;  ///< of the upstream thread
  const upstream::UpstreamClient& upstream_client;
  fleet::Fleet* fleet;  ///< of the upstream thread; null: there is none
  boost::asio::any_io_executor upstream_executor;
  const Clock& clock;
  SteadyTime started_at;
  bool over_unix_socket;                ///< the listener is one that only its owner can open
  boost::asio::any_io_executor purger;  ///< one thread, where a purge or a listing may block: one at a time
  /// Called there. Purges, keeps out of the store what is under way, and returns how many entries were
  /// selected.
  std::function<Result<std::uint64_t>(const caching::Purge&)> purge;
};

/// Retry-After of a purge or a listing that failed: locks, disks and memory come back.
inline constexpr std::chrono::seconds retry_after_failure{5};

/// The operator's API, on a listener of its own: `GET /livez`, `/readyz`, `/status`, `/metrics`, `/entries`,
/// `/restatements`, `/explain`, `/history`, `/openapi.json` and the page at `/`, which only read; and `POST
/// /purge`, `/warm`, `/reload` and `/log-level`, see check_mutation.
class Admin final : public http::Handler {
 public:
  explicit Admin(Sources sources) : sources_(std::move(sources)) {}

  [[nodiscard]] bool answer_now(http::Request&, http::Answer&) override { return false; }
  [[nodiscard]] boost::asio::awaitable<http::Answer> handle(const http::Request& request) override;
  /// The same for the health listener, which has the probes alone and changes nothing.
  [[nodiscard]] boost::asio::awaitable<http::Answer> answer_probe(const http::Request& request);
  void finished(const http::Request&, const http::Answer&, const http::Written&) override {}

  /// From now on /readyz says 503: the process is draining.
  void drain() { draining_ = true; }
  /// From now on whatever would change something is refused: another process serves in this one's place, and
  /// answers on a new connection.
  void retire() { retired_ = true; }
  /// Requests whose answer is not known yet. On the handler's thread.
  [[nodiscard]] std::size_t under_way() const { return under_way_->requests; }
  /// Logs each purge that is under way, for an end that does not wait for it. On the handler's thread.
  void report_unfinished() const;

  /// Takes a sample for /history every few seconds, on the main thread, until stop_sampling().
  /// @param executor  of the main thread; called there, or before it runs
  void start_sampling(const boost::asio::any_io_executor& executor);
  void stop_sampling();

 private:
  using Answering = boost::asio::awaitable<http::Answer>;
  /// A row of the table that `handle` asks.
  struct Endpoint;
  static const Endpoint endpoints[];
  [[nodiscard]] static std::string listed_paths(bool of_health);
  [[nodiscard]] Answering answer(const http::Request& request, bool on_health);
  [[nodiscard]] Result<void> check_change(const http::Request& request) const;

  Answering live(const http::Request& request, std::string_view query) const;
  Answering ready(const http::Request& request, std::string_view query) const;
  Answering status(const http::Request& request, std::string_view query) const;
  Answering metrics(const http::Request& request, std::string_view query) const;
  Answering entries(const http::Request& request, std::string_view query) const;
  Answering purge(const http::Request& request, std::string_view query) const;
  Answering openapi(const http::Request& request, std::string_view query) const;
  Answering reload(const http::Request& request, std::string_view query) const;
  Answering history(const http::Request& request, std::string_view query) const;
  Answering page(const http::Request& request, std::string_view query) const;
  [[nodiscard]] boost::asio::awaitable<HistorySample> take_sample() const;
  [[nodiscard]] boost::asio::awaitable<void> keep_sampling();
  void spawn_sampling();
  Answering explain(const http::Request& request, std::string_view query) const;
  Answering restatements(const http::Request& request, std::string_view query) const;
  Answering warm(const http::Request& request, std::string_view query) const;
  Answering log_level(const http::Request& request, std::string_view query) const;
  /// Calls `read` on the upstream thread, which alone may look at its numbers, and returns the result.
  template <class Read>
  [[nodiscard]] boost::asio::awaitable<std::invoke_result_t<Read>> read_on_upstream_thread(Read read) const {
    std::optional<std::invoke_result_t<Read>> found;
    const auto work = [&] { found.emplace(read()); };
    co_await run_on(sources_.upstream_executor, work);
    co_return std::move(*found);
  }
  [[nodiscard]] boost::asio::awaitable<upstream::UpstreamStatus> read_upstream_status() const;
  [[nodiscard]] boost::asio::awaitable<std::optional<fleet::FleetStatus>> read_fleet_status() const;
  [[nodiscard]] boost::asio::awaitable<proxy::WarmingStatus> read_warming_status() const;
  [[nodiscard]] boost::asio::awaitable<Result<std::vector<storage::EntrySummary>>> list(
      storage::Listing wanted) const;
  [[nodiscard]] boost::json::object entries_json(const std::vector<storage::EntrySummary>& entries) const;
  [[nodiscard]] boost::asio::awaitable<Result<std::vector<storage::EntrySummary>>> list_hottest(
      std::size_t limit) const;
  [[nodiscard]] std::vector<counters::ClientRequests> read_client_stats() const;

  struct PurgeUnderWay {
    std::string_view by;
    std::string client;
  };
  /// Shared with the requests themselves: at the end of the process some may outlive this.
  struct UnderWay {
    std::size_t requests = 0;
    std::list<PurgeUnderWay> purges;
  };

  const Sources sources_;
  bool draining_ = false;
  bool retired_ = false;
  const std::shared_ptr<UnderWay> under_way_ = std::make_shared<UnderWay>();
  History history_;
  std::optional<boost::asio::steady_timer> sampling_;  // until the next sample
  bool sampling_stopped_ = false;
  mutable std::set<std::string> client_names_;  // that a scrape has found configured; of the handler's thread
};

/// Answers on the health listener: the probes of `admin`, and nothing else. Belongs to the thread of `admin`.
class HealthHandler final : public http::Handler {
 public:
  /// @param admin  outlives it
  explicit HealthHandler(Admin& admin) : admin_(admin) {}

  [[nodiscard]] bool answer_now(http::Request&, http::Answer&) override { return false; }
  [[nodiscard]] boost::asio::awaitable<http::Answer> handle(const http::Request& request) override {
    return admin_.answer_probe(request);
  }
  void finished(const http::Request&, const http::Answer&, const http::Written&) override {}

 private:
  Admin& admin_;
};

}  // namespace roktcached::admin
