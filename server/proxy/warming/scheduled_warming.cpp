#include "server/proxy/warming/scheduled_warming.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <utility>

#include "core/rokt/date_template.h"
#include "server/asio.h"
#include "server/background.h"
#include "server/log_event.h"
#include "server/proxy/target_request.h"
#include "server/proxy/warming/learned_file.h"

namespace roktcached::proxy {

namespace {

using State = caching::WarmTemplate::State;

constexpr const char* warming_ahead = "warming";
constexpr std::size_t most_under_way = 2;
/// Times are wall time, which may jump.
constexpr std::chrono::seconds look_for_due_every{10};
/// When to try again if others came first.
constexpr std::chrono::milliseconds again_when_busy = std::chrono::seconds{30};
constexpr std::chrono::milliseconds again_when_failed = std::chrono::minutes{5};
constexpr std::chrono::minutes save_every{10};

/// Keeps what was learned, or says why not.
void write_learned(const std::string& file, const std::vector<caching::WarmSchedule::Learned>& learned) {
  const auto written = write_learned_file(file, learned);
  if (!written)
    log_event(spdlog::level::warn, "warming-not-kept", "warming: what was learned is not kept: {}",
              written.error().context)
        .log();
}

}  // namespace

std::string_view to_string(State state) {
  static constexpr std::array<std::string_view, 6> names = {"waiting", "under-way", "warmed",
                                                            "used",    "asked",     "done"};
  return names.at(static_cast<std::size_t>(state));
}

ScheduledWarming::ScheduledWarming(asio::any_io_executor upstream_executor, asio::any_io_executor files,
                                   storage::ResponseStore& store, const Clock& clock, Warm warm,
                                   std::string file)
    : upstream_executor_(std::move(upstream_executor)),
      files_(std::move(files)),
      store_(store),
      clock_(clock),
      warm_(std::move(warm)),
      file_(std::move(file)),
      timer_(upstream_executor_),
      saved_at_(clock.steady_now()) {}

void ScheduledWarming::load(RuntimePtr runtime) {
  take_settings(std::move(runtime));
  if (file_.empty()) return;
  const auto learned = read_learned_file(file_);
  if (learned) {
    schedule_.restore(*learned);
  } else {
    log_event(spdlog::level::warn, "warming-not-kept", "warming: what was learned is lost: {}",
              learned.error().context)
        .log();
  }
  saved_version_ = schedule_.version();
}

void ScheduledWarming::take_settings(RuntimePtr runtime) {
  runtime_ = std::move(runtime);
  schedule_.change(runtime_->settings.warming, runtime_->settings.named_warmings);
}

void ScheduledWarming::start() {
  retry_until_done(warming_ahead, [this] { look_later(); });
}

void ScheduledWarming::change(RuntimePtr runtime) {
  take_settings(std::move(runtime));
}

void ScheduledWarming::stop() {
  stopped_ = true;
  timer_.cancel();
}

void ScheduledWarming::look_later() {
  if (stopped_) return;
  timer_.expires_after(look_for_due_every);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    try {
      look();
      save_later();
    } catch (...) {
      log_failure(warming_ahead, std::current_exception());
    }
    retry_until_done(warming_ahead, [this] { look_later(); });
  });
}

void ScheduledWarming::asked(const caching::Key& key, const caching::Ask& ask) {
  schedule_.asked(key, ask, clock_.wall_now());
}

void ScheduledWarming::look() {
  const WallTime now = clock_.wall_now();
  schedule_.look_for_uses([this](const caching::KeyHash& hash) { return entry_of(hash); }, now);
  begin_due(now);
}

void ScheduledWarming::begin_due(WallTime now) {
  while (!stopped_ && under_way_ < most_under_way) {
    const auto due = schedule_.take_due(now);
    if (!due) return;
    begin(*due);
  }
}

std::optional<caching::WarmedEntry> ScheduledWarming::entry_of(const caching::KeyHash& hash) const {
  const storage::Usage usage = store_.usage_of(hash);
  if (!usage.response) return std::nullopt;
  return caching::WarmedEntry{hash, usage.response->fetched_at, usage.response->fresh_until, usage.finds};
}

/// A template that no longer is what a client could ask is done for today.
void ScheduledWarming::begin(const caching::WarmSchedule::Due& due) {
  const auto target = rokt::fill_dates(due.question.target, due.day);
  const auto content = rokt::fill_dates(due.question.content, due.day);
  if (!target || !content)
    return schedule_.has_failed(due.id, {.why = (target ? content : target).error().context});
  const bool latest = due.question.rokt_version == caching::latest_version;
  const auto wanted = read_target_request(
      *runtime_, *target, latest ? std::string() : due.question.rokt_version, {clock_.wall_now()}, *content);
  if (!wanted || !wanted->cache_request) {
    const std::string why =
        wanted ? "route " + wanted->route->name + " cannot be warmed" : wanted.error().context;
    spdlog::info("warming {}: {}", due.question.target, why);
    return schedule_.has_failed(due.id, {.why = why});
  }
  ++under_way_;  // given back at its end, also where it cannot be begun
  const auto warm = [this, id = due.id, request = wanted->cache_request] { return run(id, request); };
  spawn_watched(upstream_executor_, warm, warming_ahead, [this, id = due.id](bool failed) {
    --under_way_;
    if (failed)
      schedule_.has_failed(id, {"it failed unexpectedly", true, clock_.wall_now() + again_when_failed});
    begin_due(clock_.wall_now());
  });
}

asio::awaitable<void> ScheduledWarming::run(caching::KeyHash id, CacheRequestPtr cache_request) {
  auto warming = warm_(runtime_, cache_request);
  const Warmed warmed = co_await std::move(warming);
  note(id, cache_request->key, warmed);
}

void ScheduledWarming::note(const caching::KeyHash& id, const caching::Key& key, const Warmed& warmed) {
  const WallTime now = clock_.wall_now();
  caching::WarmingFailure why_not{.why = std::string(to_string(warmed.warmth))};
  if (!warmed.detail.empty()) why_not.why += ": " + warmed.detail;
  switch (warmed.warmth) {
    case Warmth::fresh:
    case Warmth::fetched:
    case Warmth::confirmed: {
      // If memory has no room for it, it is in the cache file. Its uses are then seen only when they cost a
      // fetch.
      const auto entry = entry_of(key.hash());
      return schedule_.has_warmed(id, entry.value_or(caching::WarmedEntry{key.hash(), now, WallTime::max()}),
                                  warmed.warmth != Warmth::fresh);
    }
    case Warmth::busy:
      why_not.again = now + std::max(warmed.retry_after.value_or(again_when_busy), again_when_busy);
      return schedule_.has_failed(id, std::move(why_not));
    case Warmth::failed:
      why_not.again = now + again_when_failed;
      break;
    case Warmth::not_stored:
    case Warmth::refused:
      break;
  }
  spdlog::info("warming {}: {}", caching::target_of(key), why_not.why);
  why_not.cost_a_call = true;
  schedule_.has_failed(id, std::move(why_not));
}

void ScheduledWarming::save_later() {
  const SteadyTime now = clock_.steady_now();
  if (file_.empty() || now - saved_at_ < save_every || schedule_.version() == saved_version_) return;
  saved_at_ = now;
  saved_version_ = schedule_.version();
  asio::post(files_, [file = file_, learned = schedule_.learned()] { write_learned(file, learned); });
}

void ScheduledWarming::save() {
  if (file_.empty() || schedule_.version() == saved_version_) return;
  saved_version_ = schedule_.version();
  write_learned(file_, schedule_.learned());
}

WarmingStatus ScheduledWarming::status(std::size_t most) const {
  WarmingStatus status{runtime_->settings.warming.learn, schedule_.totals(), {}};
  for (const caching::WarmTemplate* const one : schedule_.templates()) {
    if (status.templates.size() == most) break;
    status.templates.push_back({one->question(), one->is_learned(), one->state(), one->next_try(),
                                one->last_failure(), one->counts()});
  }
  return status;
}

}  // namespace roktcached::proxy
