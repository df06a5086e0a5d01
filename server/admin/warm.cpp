// POST /warm: brings reports into the cache before anybody asks for them.

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "server/admin/admin.h"
#include "server/admin/body_answer.h"
#include "server/admin/or_null.h"
#include "server/admin/warm_request.h"
#include "server/asio.h"
#include "server/background.h"
#include "server/http/problem.h"
#include "server/log_event.h"
#include "server/proxy/target_request.h"
#include "server/proxy/warming.h"

namespace roktcached::admin {

using http::Answer;
using http::Request;
using proxy::Warmed;
using proxy::Warmth;
namespace json = boost::json;

namespace {

/// As many targets of one request are under way at a time.
constexpr std::size_t lanes_max = 4;
/// For how long a target waits for the upstream to have nothing better to do.
constexpr std::chrono::seconds patience{1};

struct Target {
  std::string text;
  caching::Key key;  ///< empty if it was refused
  Warmed warmed;
};

/// The targets of one request, on the admin listener's thread.
struct Batch {
  Batch(const boost::asio::any_io_executor& executor, const proxy::Warming& its_warming,
        RuntimePtr its_runtime, std::string its_version, const proxy::Circumstances& asked_under)
      : warming(its_warming),
        runtime(std::move(its_runtime)),
        rokt_version(std::move(its_version)),
        circumstances(asked_under),
        ended(executor, SteadyTime::max()) {}

  const proxy::Warming warming;
  const RuntimePtr runtime;
  const std::string rokt_version;
  const proxy::Circumstances circumstances;  // of the request: what moves with the time is counted from there
  std::vector<Target> targets;
  std::size_t next = 0;
  bool busy = false;      // the upstream has had nothing to spare: what is left need not find out the same
  std::size_t lanes = 0;  // that have not ended
  boost::asio::steady_timer ended;
};

Warmed refused_target(std::string why) {
  return {Warmth::refused, std::move(why)};
}

boost::asio::awaitable<Warmed> warm_one(const Batch& batch, Target& target) {
  const auto wanted =
      proxy::read_target_request(*batch.runtime, target.text, batch.rokt_version, batch.circumstances);
  if (!wanted) co_return refused_target(wanted.error().context);
  if (!wanted->cache_request)
    co_return refused_target("route " + wanted->route->name +
                             " cannot be warmed; accepted: a report or metadata route");
  target.key = wanted->cache_request->key;
  co_return co_await batch.warming.warm(batch.runtime, wanted->cache_request);
}

/// Warms one target after the other, until there are no more.
boost::asio::awaitable<void> run_lane(std::shared_ptr<Batch> batch, const bool& draining) {
  while (batch->next < batch->targets.size()) {
    Target& target = batch->targets[batch->next++];
    target.warmed = {Warmth::busy, draining ? "the daemon stops" : "the upstream has nothing to spare"};
    if (!draining && !batch->busy) target.warmed = co_await warm_one(*batch, target);
    batch->busy = batch->busy || target.warmed.warmth == Warmth::busy;
  }
}

json::object target_json(const Target& target) {
  const Warmed& warmed = target.warmed;
  return {{"target", target.text},
          {"outcome", proxy::to_string(warmed.warmth)},
          {"key", or_null(target.key.text().empty() ? std::string() : caching::to_hex(target.key.hash()))},
          {"detail", or_null(warmed.detail)},
          {"retry_after_ms", or_null(warmed.retry_after)}};
}

json::object batch_json(const Batch& batch) {
  std::array<std::uint64_t, proxy::warmth_count> counts{};
  json::array targets;
  for (const Target& target : batch.targets) {
    ++counts.at(static_cast<std::size_t>(target.warmed.warmth));
    targets.push_back(target_json(target));
  }
  json::object outcomes;
  for (std::size_t i = 0; i < counts.size(); ++i)
    outcomes[proxy::to_string(static_cast<Warmth>(i))] = counts[i];
  return {{"outcomes", std::move(outcomes)}, {"targets", std::move(targets)}};
}

}  // namespace

boost::asio::awaitable<Answer> Admin::warm(const Request& request, std::string_view /*query*/) const {
  auto wanted = parse_warm(request.body);
  if (!wanted) co_return problem(wanted.error(), request.id);
  const proxy::Warming warming(sources_.fetches, sources_.upstream_client, sources_.store,
                               sources_.upstream_executor, sources_.purger, sources_.clock, patience);
  const auto executor = co_await boost::asio::this_coro::executor;
  const auto batch =
      std::make_shared<Batch>(executor, warming, sources_.runtime, std::move(wanted->rokt_version),
                              proxy::Circumstances{sources_.clock.wall_now(), &sources_.zones});
  for (std::string& target : wanted->targets) {
    // The answer says it again: without the API key, where it was copied with one.
    const auto origin_form = proxy::origin_form_of(target);
    target = origin_form ? *origin_form : target.substr(0, target.find('?'));
    batch->targets.push_back({std::move(target), {}, {}});
  }
  batch->lanes = std::min(lanes_max, batch->targets.size());
  for (std::size_t lane = batch->lanes; lane > 0; --lane) {
    spawn_watched(executor, run_lane(batch, draining_), "warming", [batch](bool /*failed*/) {
      if (--batch->lanes == 0) batch->ended.cancel();
    });
  }
  // The client may go: a fetch that was begun ends here all the same.
  while (batch->lanes > 0) co_await batch->ended.async_wait(as_result);
  const json::object answer = batch_json(*batch);
  log_event(spdlog::level::info, "warmed", "warmed {} targets, as {} asked: {}", batch->targets.size(),
            request.client, json::serialize(answer.at("outcomes")))
      .with("targets", batch->targets.size())
      .with("client", request.client)
      .log();
  co_return with_json(answer);
}

}  // namespace roktcached::admin
