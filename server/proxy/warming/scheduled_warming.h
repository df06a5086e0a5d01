#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/caching/warm_schedule.h"
#include "core/time.h"
#include "server/proxy/cache_request.h"
#include "server/proxy/warming.h"
#include "server/runtime.h"
#include "storage/response_store.h"

namespace roktcached::proxy {

/// A template as /status shows it.
struct TemplateStatus {
  caching::QuestionTemplate question;
  bool learned = false;
  caching::WarmTemplate::State state = caching::WarmTemplate::State::done;
  std::optional<WallTime> next_try;
  std::string last_failure;
  caching::WarmTemplate::Counts counts;
};
/// "waiting", "under-way" and so on; lives for ever.
[[nodiscard]] std::string_view to_string(caching::WarmTemplate::State state);

struct WarmingStatus {
  bool learns = false;
  caching::WarmSchedule::Totals totals;
  std::vector<TemplateStatus> templates;  ///< the first of them, in their order there
};

/// Fetches reports before anybody asks for them: those that are asked for day after day with dates that move,
/// and those that the operator has named; caching::WarmSchedule decides which and when. Each fetch gives way
/// to everybody who waits for the upstream, and is tried again later then. A few are under way at a time.
///
/// What was learned is kept in a file beside the cache file, see learned_file.h. It is written every ten
/// minutes where something has changed, and at the end; what a crash loses is learned again.
///
/// Belongs to the upstream thread, unless a function says otherwise.
class ScheduledWarming {
 public:
  /// As Warming::warm.
  using Warm = std::function<boost::asio::awaitable<Warmed>(RuntimePtr, CacheRequestPtr)>;

  /// @param upstream_executor  of the upstream thread
  /// @param files              where a file may be waited for
  /// @param file               that of what was learned; empty: it is not kept
  /// The references outlive this object and every coroutine on `upstream_executor`.
  ScheduledWarming(boost::asio::any_io_executor upstream_executor, boost::asio::any_io_executor files,
                   storage::ResponseStore& store, const Clock& clock, Warm warm, std::string file);

  /// Reads what was learned, before any thread runs. If the file cannot be read, the log says so, and
  /// learning begins anew.
  void load(RuntimePtr runtime);
  /// Begins to look, every ten seconds.
  void start();
  /// Goes on under other settings.
  void change(RuntimePtr runtime);
  /// Begins nothing any more.
  void stop();
  /// Writes what was learned, if it has changed. Call it when nothing runs on the upstream thread any more.
  void save();

  /// Clients have asked for `key`, on a report or query route, and that has cost a fetch.
  void asked(const caching::Key& key, const caching::Ask& ask);
  /// Sees what has been used, and begins what is due now.
  void look();

  /// @param most  of the templates
  [[nodiscard]] WarmingStatus status(std::size_t most) const;

 private:
  void take_settings(RuntimePtr runtime);
  void look_later();
  void begin_due(WallTime now);
  void begin(const caching::WarmSchedule::Due& due);
  boost::asio::awaitable<void> run(caching::KeyHash id, CacheRequestPtr cache_request);
  void note(const caching::KeyHash& id, const caching::Key& key, const Warmed& warmed);
  [[nodiscard]] std::optional<caching::WarmedEntry> entry_of(const caching::KeyHash& hash) const;
  void save_later();

  const boost::asio::any_io_executor upstream_executor_;
  const boost::asio::any_io_executor files_;
  storage::ResponseStore& store_;
  const Clock& clock_;
  const Warm warm_;
  const std::string file_;
  caching::WarmSchedule schedule_;
  RuntimePtr runtime_;
  boost::asio::steady_timer timer_;
  bool stopped_ = false;
  std::size_t under_way_ = 0;
  std::uint64_t saved_version_ = 0;
  SteadyTime saved_at_;
};

}  // namespace roktcached::proxy
