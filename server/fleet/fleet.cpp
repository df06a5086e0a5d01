#include "server/fleet/fleet.h"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <charconv>
#include <random>
#include <utility>

#include "server/asio.h"
#include "server/background.h"
#include "server/fleet/engine_check.h"
#include "server/log_event.h"

namespace roktcached::fleet {

namespace {

/// The bytes of an answer besides its body: its head, and what seals it.
constexpr std::size_t beside_body = std::size_t{1} << 20;

/// How long a stop may take to tell the others.
constexpr std::chrono::milliseconds longest_leave{200};

std::string made_name() {
  std::random_device random;
  return fmt::format("i{:08x}{:08x}", random(), random());
}

std::vector<std::unique_ptr<Crew>> crews_of(const config::Settings& settings) {
  std::vector<std::unique_ptr<Crew>> crews;
  const std::string url = config::to_string(settings.upstream.url);
  for (std::size_t i = 0; i < settings.credentials.size(); ++i)
    crews.push_back(std::make_unique<Crew>(i, settings.credentials[i], url, settings.fleet.entry_keys));
  return crews;
}

}  // namespace

Fleet::Fleet(const asio::any_io_executor& executor, const asio::any_io_executor& helpers,
             const asio::any_io_executor& purger, const config::Settings& settings, std::size_t max_body,
             storage::BodyAccount& bodies, storage::ResponseStore& store, FleetLog::Purge purge,
             const Clock& clock)
    : executor_(executor),
      clock_(clock),
      settings_(settings.fleet),
      name_(settings_.instance.empty() ? made_name() : settings_.instance),
      owner_(made_name()),
      engine_(executor, settings_, max_body + beside_body, clock),
      crews_(crews_of(settings)),
      log_(executor, purger, engine_, crews_, store, std::move(purge), name_, clock),
      flights_(executor, helpers, engine_, log_, crews_, owner_, max_body, bodies, clock) {
  for (const auto& crew : crews_)
    shared_.push_back(std::make_unique<Shared>(executor, engine_, *crew, log_.members(crew->credential),
                                               settings_.expected_instances, owner_, clock));
}

std::vector<upstream::SharedCredential> Fleet::credentials() {
  std::vector<upstream::SharedCredential> shared;
  for (const auto& one : shared_) shared.push_back({one->budget, one->token});
  return shared;
}

void Fleet::start() {
  log_.start([this](std::size_t crew, const LogEntry& event) { take(crew, event); });
  engine_.start([this] { return log_.greet(); }, [this] { linked(); });
}

void Fleet::stop(bool has_successor) {
  for (const auto& shared : shared_) shared->token.stop();
  flights_.stop();
  log_.stop();
  const bool stays = has_successor && !settings_.instance.empty();
  if (stays) return engine_.stop();
  retry_until_done("leaving the fleet",
                   [this] { asio::co_spawn(executor_, leave(), logging_failure("leaving the fleet")); });
}

/// Commands that are not answered in this time end with the links.
asio::awaitable<void> Fleet::leave() {
  asio::steady_timer bound(executor_, longest_leave);
  bound.async_wait([this](const boost::system::error_code& error) {
    if (!error) engine_.stop();
  });
  co_await log_.leave();
  bound.cancel();
  engine_.stop();
}

void Fleet::change(const std::vector<config::Credential>& credentials) {
  for (const auto& crew : crews_) crew->seal_with(credentials.at(crew->credential));
}

/// Says once what is odd about the engine; `roktcached check` says the same, and more.
asio::awaitable<void> Fleet::look_at_engine() {
  const auto told = co_await engine_.ask(Words(std::begin(info_words), std::end(info_words)));
  if (!told || told->kind != EngineReply::Kind::text) co_return;
  for (const EngineFinding& finding : findings_of(read_engine_info(told->text), log_.skew()))
    log_event(spdlog::level::warn, "fleet-engine", "fleet: the engine {}: {}", engine_.address().text,
              finding.text)
        .with("engine", engine_.address().text)
        .log();
}

void Fleet::linked() {
  if (engine_.together() && !std::exchange(looked_at_engine_, true))
    asio::co_spawn(executor_, look_at_engine(), logging_failure("looking at the fleet's engine"));
  log_.linked();
  for (const auto& shared : shared_) {
    shared->budget.linked();
    shared->token.linked();
  }
  flights_.linked();
}

void Fleet::take(std::size_t crew, const LogEntry& event) {
  const std::string_view kind = event["k"];
  if (kind == "hold") {
    const std::string_view text = event["u"];
    std::int64_t length_us = 0;
    std::from_chars(text.data(), text.data() + text.size(), length_us);
    shared_[crew]->budget.hold(std::chrono::microseconds{length_us});
  } else if (kind == "token" || kind == "no-token") {
    shared_[crew]->token.take(event);
  } else {
    flights_.take(crew, event);
  }
}

asio::awaitable<Confirmed> Fleet::tell(caching::Purge purge) {
  return asio::co_spawn(executor_, log_.tell(std::move(purge)), asio::use_awaitable);
}

void Fleet::end(const caching::Key& target) {
  const std::string text(caching::target_of(target));
  asio::co_spawn(
      executor_,
      [this, text]() -> asio::awaitable<void> {
        caching::Purge purge{caching::WithTarget{text, text}, caching::PurgeKind::hard};
        const Confirmed confirmed = co_await log_.tell(std::move(purge));
        static_cast<void>(confirmed);  // nobody waits for it
      },
      logging_failure("telling the fleet of a write"));
}

asio::awaitable<AnswerLocation> Fleet::locate(std::size_t credential, caching::Key key) {
  const auto here = [](Fleet& fleet, std::size_t crew,
                       caching::Key asked) -> asio::awaitable<AnswerLocation> {
    co_return co_await fleet::locate(fleet.engine_, *fleet.crews_.at(crew), asked, fleet.owner_,
                                     fleet.clock_.wall_now() + fleet.log_.skew());
  };
  return asio::co_spawn(executor_, here(*this, credential, std::move(key)), asio::use_awaitable);
}

FleetStatus Fleet::status() const {
  FleetStatus status{.engine = engine_.address().text, .instance = name_, .link = engine_.status()};
  status.clock_skew_ms = log_.skew().count();
  status.flights = flights_.counts();
  for (const auto& shared : shared_) status.tokens_taken += shared->token.taken();
  status.members = log_.members(0).present;
  status.members_known = log_.members(0).known;
  status.purges_due = log_.due();
  return status;
}

}  // namespace roktcached::fleet
