#include <algorithm>
#include <iterator>
#include <vector>

#include "server/admin/admin.h"
#include "server/admin/body_answer.h"
#include "server/admin/history_json.h"
#include "server/admin/page.h"
#include "server/asio.h"
#include "server/background.h"
#include "server/http/problem.h"

namespace roktcached::admin {

namespace {

constexpr std::string_view sampling = "sampling for /history";

void add_upstream(HistorySample& sample, const upstream::UpstreamStatus& status) {
  bool limited = true;
  for (const auto& credential : status.credentials) {
    const upstream::BudgetStatus& budget = credential.budget;
    limited = limited && budget.rate > 0;
    sample.requests_per_second += budget.rate;
    sample.available += budget.available;
    sample.queued += budget.queued;
    sample.in_flight += budget.in_flight;
    sample.limited += budget.limited;
    if (!credential.token.alive || !credential.token.expires_at) continue;
    const auto life = *credential.token.expires_at - sample.at;
    sample.token_life = sample.token_life ? std::min(*sample.token_life, life) : life;
  }
  if (!limited) sample.requests_per_second = 0;
  sample.circuit_open = status.circuit_open;
}

}  // namespace

void Admin::start_sampling(const asio::any_io_executor& executor) {
  sampling_.emplace(executor);
  spawn_sampling();
}

void Admin::stop_sampling() {
  if (sampling_) sampling_->cancel();
  sampling_stopped_ = true;
}

void Admin::spawn_sampling() {
  const auto executor = sampling_->get_executor();
  const auto go_on = [this, executor](bool failed) {
    if (failed && !sampling_stopped_) post_with_retry(executor, [this] { spawn_sampling(); });
  };
  retry_until_done(sampling, [&] { spawn_watched(executor, keep_sampling(), sampling, go_on); });
}

asio::awaitable<void> Admin::keep_sampling() {
  while (!sampling_stopped_) {
    sampling_->expires_after(History::hour.every);
    const HistorySample sample = co_await take_sample();
    history_.add(sample, sources_.clock.steady_now());
    if (sampling_stopped_) co_return;
    co_await sampling_->async_wait(as_result);
  }
}

asio::awaitable<HistorySample> Admin::take_sample() const {
  const upstream::UpstreamStatus upstream_status = co_await read_upstream_status();
  HistorySample sample;
  sample.at = sources_.clock.wall_now();
  for (const auto& thread : sources_.client_stats) {
    for (const counters::ClientRequests& row : thread->read()) {
      for (std::size_t i = 0; i < http::outcome_count; ++i) sample.requests[i] += row.by_outcome[i];
    }
  }
  sample.upstream_requests = sources_.upstream_client.requests_sent();
  add_upstream(sample, upstream_status);
  for (const auto& tier : sources_.store.statistics())
    (tier.tier == "memory" ? sample.memory_bytes : sample.disk_bytes) = tier.bytes;
  sample.body_bytes = sources_.bodies.read().all;
  sample.connections = sources_.connections.open();
  sample.restatements = sources_.fetches.restatements();
  co_return sample;
}

asio::awaitable<http::Answer> Admin::history(const http::Request& request, std::string_view query) const {
  const auto since = parse_since(query);
  if (!since) co_return problem(since.error(), request.id);
  std::vector<counters::Problem> problems;
  for (const auto& thread : sources_.request_stats) {
    auto of_thread = thread->problems().read();
    std::ranges::move(of_thread, std::back_inserter(problems));
  }
  const auto uptime = sources_.clock.steady_now() - sources_.started_at;
  const auto started_at =
      sources_.clock.wall_now() - std::chrono::duration_cast<std::chrono::milliseconds>(uptime);
  co_return with_body(200, "application/json",
                      to_json(history_, counters::last_of(std::move(problems)), started_at, *since) + "\n");
}

asio::awaitable<http::Answer> Admin::page(const http::Request& request, std::string_view /*query*/) const {
  co_return page_answer(request);
}

}  // namespace roktcached::admin
