#include "server/daemon.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <csignal>
#include <cstdlib>
#include <sstream>

#include "config/credentials.h"
#include "core/http/validators.h"
#include "server/exchange/compression.h"
#include "server/logging.h"
#include "storage/memory_store.h"
#include "storage/sqlite_store.h"

namespace roktcached {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

namespace {

constexpr std::size_t reader_threads = 2;
constexpr std::size_t max_admin_connections = 64;
constexpr std::chrono::seconds time_to_drain{8};
constexpr std::chrono::milliseconds time_to_stop{1200};
constexpr std::chrono::milliseconds drain_poll{10};

std::vector<rokt::Route> all_routes(const config::Settings& settings) {
  std::vector<rokt::Route> routes = rokt::rokt_routes();
  routes.insert(routes.end(), settings.routes.begin(), settings.routes.end());
  return routes;
}

inbound::Limits limits_of(const config::Settings& settings) {
  const config::Listen& listen = settings.listen;
  inbound::Limits limits{.head_timeout = listen.head_timeout,
                         .body_timeout = listen.body_timeout,
                         .idle_timeout = listen.idle_timeout,
                         .write_timeout = listen.write_timeout,
                         .max_head = static_cast<std::uint32_t>(listen.max_head),
                         .max_body = listen.max_body,
                         .allowed_hosts = listen.allowed_hosts,
                         .own_ids = {}};
  for (const config::Credential& credential : settings.credentials)
    limits.own_ids.push_back({credential.app_id, credential.name});
  return limits;
}

Result<tcp::endpoint> to_endpoint(const config::Endpoint& address) {
  std::string host = address.host == "localhost" ? "127.0.0.1" : address.host;
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  boost::system::error_code error;
  const auto ip = asio::ip::make_address(host, error);
  if (error)
    return Error{ErrorCode::configuration, ErrorSource::inbound, false, host + ": not an IP address"};
  return tcp::endpoint(ip, address.port);
}

std::string to_text(const tcp::endpoint& endpoint) {
  std::ostringstream text;
  text << endpoint;
  return text.str();
}

}  // namespace

struct Daemon::HitThread {
  HitThread(const exchange::Services& services, exchange::Accounts& accounts, exchange::Traffic& traffic)
      : work(context.get_executor()), exchange(services, accounts, traffic) {}
  asio::io_context context{1};
  Work work;
  exchange::Exchange exchange;
  std::vector<std::unique_ptr<inbound::Listener>> listeners;
};

Daemon::Daemon(config::Settings settings)
    : settings_(std::move(settings)),
      routes_(all_routes(settings_)),
      policies_(settings_.freshness, settings_.freshness_overrides),
      limits_(limits_of(settings_)),
      readers_(reader_threads),
      desk_work_(desk_context_.get_executor()),
      connections_(settings_.listen.max_connections),
      admin_connections_(max_admin_connections),
      signals_(main_context_),
      hangup_(main_context_, SIGHUP),
      drain_timer_(main_context_) {}

Daemon::~Daemon() = default;

Result<std::unique_ptr<Daemon>> Daemon::open(config::Settings settings) {
  std::unique_ptr<Daemon> daemon(new Daemon(std::move(settings)));
  const auto secrets_again = [](const config::Credential& credential) -> Result<config::Credential> {
    config::Credential read = credential;
    const auto loaded = config::load_credential(read, config::process_environment());
    return loaded ? Result<config::Credential>(std::move(read)) : loaded.error();
  };
  if (const auto opened = daemon->open_store(); !opened) return opened.error();
  try {
    daemon->desk_ =
        std::make_unique<upstream::Desk>(daemon->desk_context_.get_executor(), daemon->settings_.upstream,
                                         daemon->settings_.credentials, secrets_again, daemon->clock_);
  } catch (const std::exception& exception) {
    return Error{ErrorCode::configuration, ErrorSource::upstream, false, exception.what()};
  }
  daemon->flights_ = std::make_unique<exchange::Flights>(daemon->desk_context_.get_executor(), *daemon->desk_,
                                                         *daemon->store_, daemon->clock_);
  daemon->services_.reset(new exchange::Services{
      daemon->settings_, daemon->policies_, daemon->routes_, *daemon->store_, daemon->readers_,
      *daemon->flights_, *daemon->desk_, daemon->desk_context_.get_executor(), daemon->clock_});
  if (const auto listening = daemon->open_listeners(); !listening) return listening.error();
  return daemon;
}

Result<void> Daemon::open_store() {
  auto memory = std::make_unique<storage::MemoryStore>(settings_.cache.max_memory);
  std::unique_ptr<storage::SqliteStore> disk;
  if (!settings_.cache.file.empty()) {
    storage::SqliteOptions options;
    options.path = settings_.cache.file;
    options.max_disk = settings_.cache.max_disk;
    for (const config::Credential& credential : settings_.credentials)
      options.owners.push_back(
          {credential.name, http::entity_tag_of(credential.app_id.reveal() + "\n" +
                                                config::to_string(settings_.upstream.url))});
    options.report = [](std::string_view line) { spdlog::warn("cache: {}", line); };
    auto opened = storage::SqliteStore::open(std::move(options));
    if (!opened) return opened.error();
    disk = std::move(*opened);
  }
  store_ = std::make_unique<storage::TieredStore>(std::move(memory), std::move(disk), exchange::with_gzip);
  return {};
}

Result<void> Daemon::open_listeners() {
  const std::size_t wanted = settings_.listen.threads;
  const std::size_t count = wanted > 0 ? wanted : std::max(1U, std::thread::hardware_concurrency());
  for (std::size_t i = 0; i < count; ++i) {
    accounts_.push_back(std::make_unique<exchange::Accounts>());
    traffic_.push_back(std::make_unique<exchange::Traffic>());
    hit_threads_.push_back(std::make_unique<HitThread>(*services_, *accounts_.back(), *traffic_.back()));
  }
  for (const auto& address : settings_.listen.addresses) {
    if (const auto listening = listen_on(address); !listening) return listening.error();
  }
  admin_ = std::make_unique<admin::Admin>(admin::Sources{
      accounts_, traffic_, connections_, *store_, policies_, *flights_, *desk_, desk_context_.get_executor(),
      clock_, clock_.steady_now(), settings_.admin.token, purger_});
  if (!settings_.admin.address) return {};
  const auto endpoint = to_endpoint(*settings_.admin.address);
  if (!endpoint) return endpoint.error();
  auto acceptor = inbound::open_listener(main_context_.get_executor(), *endpoint, false);
  if (!acceptor) return acceptor.error();
  spdlog::info("admin on {}", to_text(acceptor->local_endpoint()));
  admin_listener_ =
      std::make_unique<inbound::Listener>(std::move(*acceptor), limits_, *admin_, admin_connections_);
  return {};
}

/// One acceptor a hit thread. Another process could share a port that is open for sharing, so the port is
/// first taken alone: that tells whether it is free.
Result<void> Daemon::listen_on(const config::Endpoint& address) {
  const auto wanted = to_endpoint(address);
  if (!wanted) return wanted.error();
  tcp::endpoint endpoint = *wanted;
  {
    const auto alone = inbound::open_listener(main_context_.get_executor(), endpoint, false);
    if (!alone) return alone.error();
    endpoint = alone->local_endpoint();
  }
  for (const auto& thread : hit_threads_) {
    auto acceptor = inbound::open_listener(thread->context.get_executor(), endpoint, true);
    if (!acceptor) return acceptor.error();
    thread->listeners.push_back(
        std::make_unique<inbound::Listener>(std::move(*acceptor), limits_, thread->exchange, connections_));
  }
  spdlog::info("listening on {}", to_text(endpoint));
  return {};
}

void Daemon::start_threads() {
  const auto run_context = [this](asio::io_context& context) {
    threads_.emplace_back([this, &context] {
      context.run();
      threads_running_.fetch_sub(1);
    });
  };
  threads_running_ = hit_threads_.size() + 1;
  asio::post(desk_context_, [this] { desk_->start(); });
  run_context(desk_context_);
  for (const auto& thread : hit_threads_) {
    asio::post(thread->context, [&listeners = thread->listeners] {
      for (const auto& listener : listeners) listener->start();
    });
    run_context(thread->context);
  }
}

void Daemon::run() {
  signals_.add(SIGTERM);
  signals_.add(SIGINT);
  await_hangup();
  if (admin_listener_) admin_listener_->start();
  start_threads();
  signals_.async_wait([this](const boost::system::error_code& error, int) {
    if (!error) drain();
  });
  main_context_.run();  // until stop()
  main_context_.restart();
  main_context_.run_for(time_to_stop);  // what the admin listener is still at
  desk_work_.reset();
  if (!wait_for_threads()) {
    // Something hangs: what matters now is that the queued writes reach the disk.
    spdlog::error("not every thread has ended in time");
    store_->flush();
    stop_logging();
    std::_Exit(EXIT_SUCCESS);
  }
  readers_.join();
  purger_.join();
  store_->flush();
  spdlog::info("stopped");
}

void Daemon::await_hangup() {
  hangup_.async_wait([this](const boost::system::error_code& error, int) {
    if (error) return;
    spdlog::info("SIGHUP: the secrets are read again; any other change of the settings needs a restart");
    asio::post(desk_context_, [this] { desk_->read_secrets_again(); });
    await_hangup();
  });
}

void Daemon::drain() {
  spdlog::info("draining {} connections", connections_.open());
  drain_deadline_ = clock_.steady_now() + time_to_drain;
  admin_->drain();
  for (const auto& thread : hit_threads_) {
    asio::post(thread->context, [&listeners = thread->listeners] {
      for (const auto& listener : listeners) listener->drain();
    });
  }
  signals_.async_wait([this](const boost::system::error_code& error, int) {
    if (!error) drain_deadline_ = clock_.steady_now();
  });
  // Give the posted drains a moment: a connection in the kernel's queue is not counted yet.
  drain_timer_.expires_after(drain_poll);
  drain_timer_.async_wait([this](const boost::system::error_code&) { stop_when_idle(); });
}

void Daemon::stop_when_idle() {
  if (connections_.open() == 0 || clock_.steady_now() >= drain_deadline_) return stop();
  drain_timer_.expires_after(drain_poll);
  drain_timer_.async_wait([this](const boost::system::error_code&) { stop_when_idle(); });
}

void Daemon::stop() {
  if (connections_.open() > 0) spdlog::warn("{} connections are cut", connections_.open());
  signals_.cancel();
  hangup_.cancel();
  if (admin_listener_) {
    admin_listener_->drain();
    admin_listener_->abort();
  }
  asio::post(desk_context_, [this] {
    flights_->stop();
    desk_->stop();
  });
  for (const auto& thread : hit_threads_) {
    asio::post(thread->context, [&thread = *thread] {
      for (const auto& listener : thread.listeners) listener->abort();
      thread.work.reset();
    });
  }
  main_context_.stop();
}

bool Daemon::wait_for_threads() {
  const SteadyTime deadline = clock_.steady_now() + time_to_stop;
  while (threads_running_.load() > 0 && clock_.steady_now() < deadline)
    std::this_thread::sleep_for(drain_poll);
  if (threads_running_.load() > 0) return false;
  for (auto& thread : threads_) thread.join();
  return true;
}

}  // namespace roktcached
