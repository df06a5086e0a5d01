#include "server/daemon.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <csignal>
#include <cstdlib>

#include "config/credentials.h"
#include "core/http/validators.h"
#include "server/access/authenticator.h"
#include "server/background.h"
#include "server/client_thread.h"
#include "server/fixed_sizes.h"
#include "server/log_event.h"
#include "server/logging.h"
#include "server/proxy/prepared.h"
#include "server/proxy/warming/learned_file.h"
#include "storage/memory/memory_store.h"
#include "storage/slab_memory.h"
#include "storage/sqlite/sqlite_store.h"

namespace roktcached {

namespace asio = boost::asio;

namespace {

/// One part in this many of the cache's memory is for CSV and NDJSON made of answers.
constexpr std::uint64_t share_of_conversions = 8;
constexpr std::chrono::seconds time_to_drain{8};
constexpr std::chrono::milliseconds time_to_stop{1200};
/// Of that; the rest is for threads that must go on until then.
constexpr std::chrono::milliseconds time_to_finish{600};
constexpr std::chrono::milliseconds drain_poll{10};
/// The number of the snapshot for the admin listener, whose requests are served under none.
constexpr std::uint64_t no_runtime = 0;

}  // namespace

Daemon::Daemon(const config::Settings& settings, Load load, DaemonStart start)
    : load_(std::move(load)),
      start_(std::move(start)),
      is_activated_(start_.sockets.origin() == net::InheritedSockets::Origin::service_manager &&
                    !start_.sockets.left().empty()),
      admin_limits_(limits_of_admin(settings, no_runtime)),
      admin_contexts_(admin_limits_),
      health_limits_(of_health(limits_of(settings, no_runtime))),
      health_contexts_(health_limits_),
      memory_file_(settings.listen.addresses.empty() ? nullptr : std::make_unique<storage::MemoryFile>()),
      bodies_(settings.cache.max_memory + settings.cache.max_transient, memory_file_.get()),
      conversions_(settings.cache.max_memory / share_of_conversions),
      readers_(reader_threads, "reading the cache file"),
      helpers_(helper_threads, "helping"),
      upstream_context_(one_thread),
      upstream_work_(upstream_context_.get_executor()),
      connections_(settings.listen.max_connections),
      admin_connections_(max_admin_connections),
      health_connections_(max_health_connections),
      signals_(main_context_, SIGTERM, SIGINT, SIGQUIT),
      sighup_(main_context_, SIGHUP),
      log_rotation_(main_context_, SIGUSR1),
      drain_timer_(main_context_),
      reloads_(
          main_context_.get_executor(), [this](Reloads::Done done) { reload(std::move(done)); }, clock_) {
  bodies_.when_short([this] {
    const bool forms = conversions_.forget_all();  // they can be made again
    return shortage_.relieve(clock_.steady_now()) || forms;
  });
}

Daemon::~Daemon() = default;

Result<std::unique_ptr<Daemon>> Daemon::open(config::Settings settings, Load load, DaemonStart start) {
  std::unique_ptr<Daemon> daemon(new Daemon(settings, std::move(load), std::move(start)));
  const auto secrets_again = [](const config::Credential& credential) -> Result<config::Credential> {
    config::Credential read = credential;
    const auto loaded = config::load_credential(read, config::process_environment());
    return loaded ? Result<config::Credential>(std::move(read)) : loaded.error();
  };
  if (const auto opened = daemon->open_store(settings); !opened) return opened.error();
  if (const auto begun = daemon->begin_under(std::move(settings)); !begun) return begun.error();
  const config::Settings& in_force = daemon->runtime_->settings;
  try {
    daemon->open_fleet();
    const auto shared =
        daemon->fleet_ ? daemon->fleet_->credentials() : std::vector<upstream::SharedCredential>();
    daemon->upstream_client_ = std::make_unique<upstream::UpstreamClient>(
        daemon->upstream_context_.get_executor(), daemon->helpers_.executor(), daemon->files_.executor(),
        in_force.upstream, config::with_budgets_of_one(in_force.credentials, in_force.fleet), secrets_again,
        daemon->clock_, &daemon->bodies_, shared);
  } catch (const std::exception& exception) {
    return Error{ErrorCode::configuration, false, exception.what()};
  }
  daemon->fetches_ = std::make_unique<proxy::FetchTable>(
      daemon->upstream_context_.get_executor(), daemon->helpers_.executor(), *daemon->upstream_client_,
      *daemon->store_, daemon->bodies_, in_force.upstream.max_response, daemon->clock_,
      daemon->fleet_ ? &daemon->fleet_->flights() : nullptr);
  if (daemon->fleet_)
    daemon->fetches_->when_ended(
        [&fleet = *daemon->fleet_](const caching::Key& target) { fleet.end(target); });
  daemon->fetches_->when_ended_elsewhere(
      [&its = *daemon](std::vector<caching::Key> targets, std::string route) {
        return its.end_elsewhere(std::move(targets), std::move(route));
      });
  daemon->services_.reset(new proxy::Services{*daemon->store_, *daemon->disk_lookups_, *daemon->fetches_,
                                              *daemon->upstream_client_,
                                              daemon->upstream_context_.get_executor(), daemon->bodies_,
                                              daemon->clock_, daemon->conversions_, daemon->zones_});
  daemon->prepare_warming();
  if (const auto listening = daemon->open_listeners(); !listening) return listening.error();
  if (const auto handover = daemon->open_handover(); !handover) return handover.error();
  if (const auto known = daemon->check_inherited(); !known) return known.error();
  return daemon;
}

/// @throws std::runtime_error naming the setting whose file cannot be used
void Daemon::open_fleet() {
  const config::Settings& settings = runtime_->settings;
  if (!settings.fleet.url) return;
  fleet_ = std::make_unique<fleet::Fleet>(
      upstream_context_.get_executor(), helpers_.executor(), purger_.executor(), settings,
      settings.upstream.max_response, bodies_, *store_,
      [this](const caching::Purge& purge) { return this->purge(purge); }, clock_);
}

/// Makes the scheduled warming. What it has learned is in a file beside the cache file.
void Daemon::prepare_warming() {
  constexpr std::chrono::seconds patience{5};
  const auto warming = std::make_shared<const proxy::Warming>(*fetches_, *upstream_client_, *store_,
                                                              upstream_context_.get_executor(),
                                                              readers_.executor(), clock_, patience);
  warming_ = std::make_unique<proxy::ScheduledWarming>(
      upstream_context_.get_executor(), files_.executor(), *store_, clock_,
      [warming](RuntimePtr runtime, proxy::CacheRequestPtr cache_request) {
        return warming->warm(std::move(runtime), std::move(cache_request));
      },
      proxy::learned_file_beside(runtime_->settings.cache.file));
  warming_->load(runtime_);
  fetches_->when_asked(
      [this](const caching::Key& key, const caching::Ask& ask) { warming_->asked(key, ask); });
}

Result<void> Daemon::open_store(const config::Settings& settings) {
  auto memory =
      std::make_unique<storage::MemoryStore>(settings.cache.max_memory, storage::slabs_of_responses());
  std::unique_ptr<storage::SqliteStore> disk;
  if (!settings.cache.file.empty()) {
    storage::SqliteOptions options;
    options.path = settings.cache.file;
    options.max_disk = settings.cache.max_disk;
    options.bodies = &bodies_;
    options.pages = std::clamp(settings.cache.max_memory / 4, options.pages / 8, options.pages);
    options.queue.bytes = std::min(options.queue.bytes, settings.cache.max_transient / 2);
    options.is_successor = start_.predecessor.has_value();
    options.readers = cache_readers(client_thread_count(settings.listen));
    for (const config::Credential& credential : settings.credentials)
      options.owners.push_back(
          {credential.name, http::entity_tag_of(credential.app_id.reveal() + "\n" +
                                                config::to_string(settings.upstream.url))});
    options.report = [](std::string_view line) {
      log_event(spdlog::level::warn, "cache-file", "cache: {}", line).log();
    };
    auto opened = storage::SqliteStore::open(std::move(options));
    if (!opened) return opened.error();
    disk = std::move(*opened);
  }
  store_ = std::make_unique<storage::TieredStore>(std::move(memory), std::move(disk), [this](auto response) {
    zones_.learn(*response);
    return proxy::prepared(std::move(response), &bodies_);
  });
  disk_lookups_ = std::make_unique<proxy::DiskLookups>(
      readers_.executor(),
      proxy::DiskLookups::Limits{.timeout = settings.cache.read_timeout, .threads = reader_threads},
      [&store = *store_](const caching::Key& key, WallTime now) { return store.find(key, now); },
      [&store = *store_](const caching::Key& key) { return store.version_of(key); });
  return {};
}

/// Makes the first snapshot, which listeners and the upstream client begin under. The key of local tokens
/// lies beside the cache file.
Result<void> Daemon::begin_under(config::Settings settings) {
  if (const auto read = read_token_key(settings); !read) return read.error();
  auto clients = make_registry(settings, nullptr);
  keep_registry(clients);
  runtime_ = std::make_shared<const Runtime>(std::move(settings), std::move(clients), 1);
  for (std::size_t i = 0; i < client_thread_count(runtime_->settings.listen); ++i) {
    const auto& known = runtime_->clients;
    auto authenticator = known ? std::make_shared<access::Authenticator>(*known, clock_) : nullptr;
    thread_runtimes_.push_back(
        std::make_shared<const ThreadRuntime>(ThreadRuntime{runtime_, std::move(authenticator)}));
  }
  return {};
}

Result<void> Daemon::open_listeners() {
  const std::size_t count = thread_runtimes_.size();
  for (std::size_t i = 0; i < count; ++i) {
    client_stats_.push_back(std::make_unique<counters::ClientStats>());
    request_stats_.push_back(std::make_unique<counters::RequestStats>());
    // A single client thread is the upstream client's as well: a miss then changes threads nowhere.
    client_threads_.push_back(std::make_unique<ClientThread>(count == 1 ? &upstream_context_ : nullptr,
                                                             thread_runtimes_[i], *services_,
                                                             *client_stats_.back(), *request_stats_.back()));
  }
  std::vector<session::Listeners::Thread> threads;
  for (const auto& thread : client_threads_)
    threads.push_back({thread->context,
                       {thread->limits, thread->handler, thread->contexts, thread->poller, thread->hangups,
                        &thread->runtime, &senders_}});
  auto opened = session::Listeners::open(runtime_->settings.listen, connections_, std::move(threads),
                                         {.inherited = &start_.sockets, .copies = shared_copies()});
  if (!opened) return opened.error();
  listeners_ = std::move(*opened);
  if (const auto opened_admin = open_admin(); !opened_admin) return opened_admin.error();
  return open_health();
}

void Daemon::start_threads() {
  // With the client thread whose connections it serves; the upstream client may have none.
  std::vector<std::pair<asio::io_context*, ClientThread*>> contexts;
  if (client_threads_.size() > 1) contexts.emplace_back(&upstream_context_, nullptr);
  for (const auto& thread : client_threads_) contexts.emplace_back(&thread->context, thread.get());
  threads_running_ = contexts.size();
  threads_.reserve(contexts.size());
  try {
    for (const auto& [context, hits] : contexts)
      threads_.emplace_back([this, context = context, hits = hits] { serve(*context, hits); });
  } catch (...) {  // no more threads are to be had; those there are must end first
    for (const auto& [context, hits] : contexts) context->stop();
    for (auto& thread : threads_) thread.join();
    throw;
  }
}

void Daemon::start_listeners() {
  asio::post(upstream_context_, [this] {
    if (fleet_) fleet_->start();
    upstream_client_->start();
    warming_->start();
  });
  for (const auto& listener : admin_listeners_)
    asio::post(main_context_, [&started = *listener] { started.start(); });
  health_listeners_->start();
  listeners_->start();
}

void Daemon::serve(asio::io_context& context, ClientThread* hits) {
  run_context(context, "serving", [hits] {
    if (hits == nullptr) return;
    hits->poller.look_again();
    hits->hangups.look_again();
  });
  threads_running_.fetch_sub(1);
}

Result<void> Daemon::run(std::function<void()> draining) {
  draining_ = std::move(draining);
  await_hangup();
  await_log_rotation();
  start_threads();
  const auto taken = take_over();
  taken ? begin_to_serve() : stop();
  const auto look_again = [this] {
    admin_poller_.look_again();
    admin_hangups_.look_again();
  };
  run_context(main_context_, "the main thread", look_again);  // until stop()
  main_context_.restart();
  run_context_for(main_context_, time_to_finish, "the main thread");  // what the admin listener is still at
  upstream_work_.reset();
  if (!wait_for_threads()) {
    // Something hangs: what matters now is that the queued writes reach the disk.
    LogEvent(spdlog::level::err, "threads-hang", "not every thread has ended in time").log();
    store_->flush();
    end_log();
    std::_Exit(EXIT_SUCCESS);
  }
  readers_.join();
  helpers_.join();
  files_.join();
  purger_.join();
  former_.join();
  next_.join();
  if (taken) warming_->save();
  store_->flush();
  if (taken) LogEvent(spdlog::level::info, "stopped", "stopped").log();
  return taken;
}

void Daemon::drain() {
  if (std::exchange(is_draining_, true)) return;
  if (draining_) draining_();
  manager_.stopping();
  manager_.status(fmt::format("Draining {} connections", connections_.open()));
  if (handover_ && handover_->is_shared()) leave_paths();
  if (handover_) handover_->stop();
  copies_.close();
  log_event(spdlog::level::info, "draining", "draining {} connections", connections_.open())
      .with("connections", connections_.open())
      .log();
  drain_deadline_ = clock_.steady_now() + time_to_drain;
  admin_->drain();
  listeners_->drain();
  const auto second_signal = [this](const boost::system::error_code& error, int) {
    if (!error) drain_deadline_ = clock_.steady_now();
  };
  retry_until_done("waiting for a second signal", [&] { signals_.async_wait(second_signal); });
  // Give the posted drains a moment: a connection in the kernel's queue is not counted yet.
  look_later_whether_idle();
}

void Daemon::look_later_whether_idle() {
  const auto wait = [this] {
    drain_timer_.expires_after(drain_poll);
    drain_timer_.async_wait([this](const boost::system::error_code&) { stop_when_idle(); });
  };
  retry_until_done("draining", wait);
}

/// The admin listener says that this process is draining until nothing is under way.
void Daemon::stop_when_idle() {
  const bool late = clock_.steady_now() >= drain_deadline_;
  const bool is_idle =
      connections_.open() == 0 && admin_->under_way() == 0 && !former_.is_busy() && !next_.is_busy();
  if (!late && !is_idle) return look_later_whether_idle();
  if (!std::exchange(admin_is_draining_, true)) drain_admin();
  const bool all_closed = admin_connections_.open() + health_connections_.open() == 0;
  late || all_closed ? stop() : look_later_whether_idle();
}

void Daemon::drain_admin() {
  for (const auto& listener : admin_listeners_) listener->drain();
  health_listeners_->drain();
}

void Daemon::stop() {
  threads_deadline_ = clock_.steady_now() + time_to_stop;
  if (const auto left = connections_.open(); left > 0)
    log_event(spdlog::level::warn, "connections-cut", "{} connections are cut", left)
        .with("connections", left)
        .log();
  admin_->report_unfinished();
  if (handover_) handover_->close();
  former_.close();
  next_.close();
  if (heartbeat_) heartbeat_->stop();
  signals_.cancel();
  sighup_.cancel();
  log_rotation_.cancel();
  admin_->stop_sampling();
  for (const auto& listener : admin_listeners_) listener->abort();
  health_listeners_->abort();
  post_with_retry(upstream_context_, [this] {
    fetches_->stop();
    warming_->stop();
    upstream_client_->stop();
    if (fleet_) fleet_->stop(has_successor_);
  });
  listeners_->abort();
  for (const auto& registry : registries_) registry->verifier.stop();
  for (const auto& thread : client_threads_)
    post_with_retry(thread->context, [&work = thread->work] { work.reset(); });
  main_context_.stop();
}

bool Daemon::wait_for_threads() {
  while (threads_running_.load() > 0 && clock_.steady_now() < threads_deadline_)
    std::this_thread::sleep_for(drain_poll);
  if (threads_running_.load() > 0) return false;
  for (auto& thread : threads_) thread.join();
  return true;
}

}  // namespace roktcached
