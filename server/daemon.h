#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "config/settings.h"
#include "core/error.h"
#include "core/rokt/routes.h"
#include "server/access/authenticator.h"
#include "server/admin/admin.h"
#include "server/counters/client_stats.h"
#include "server/counters/request_stats.h"
#include "server/fleet/fleet.h"
#include "server/handover.h"
#include "server/handover_link.h"
#include "server/heartbeat.h"
#include "server/net/inherited_sockets.h"
#include "server/net/waiting_senders.h"
#include "server/proxy/fetch/fetch_table.h"
#include "server/proxy/proxy_handler.h"
#include "server/proxy/warming/scheduled_warming.h"
#include "server/reloads.h"
#include "server/runtime.h"
#include "server/service_manager.h"
#include "server/session/listeners.h"
#include "server/system_clock.h"
#include "server/upstream/upstream_client.h"
#include "server/worker_pool.h"
#include "storage/body_account.h"
#include "storage/tiered_store.h"

namespace roktcached {

/// The process that this one takes over from; see server/handover.h. By default there is none.
struct DaemonStart {
  net::InheritedSockets sockets = {};
  std::optional<Predecessor> predecessor = {};  ///< goes on serving until this process does
};

/// The running proxy: composes the rooms and owns their threads, which server/README.md lists. What the
/// thread that calls run() does is listed there under "main".
///
/// Members are declared so that whatever is used outlives its users.
class Daemon {
 public:
  /// Reads the settings again, from where `serve` had them; secrets are not read.
  using Load = std::function<Result<config::Settings>()>;

  /// Opens the cache and every listener; serves nothing yet.
  /// @param load  for reloads; called on a thread that serves nobody
  /// @return configuration (a setting cannot be honoured) or unavailable (a port, the cache file are taken)
  [[nodiscard]] static Result<std::unique_ptr<Daemon>> open(config::Settings settings, Load load,
                                                            DaemonStart start = {});

  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  /// Tells the service manager that it serves, and a process before it to end; begins to listen to a process
  /// after it. On SIGHUP it reads the settings again, with secrets and certificates; on SIGUSR1 it opens the
  /// log's file again. Serves until SIGTERM, SIGINT or SIGQUIT, then drains: no answer in flight is cut, and
  /// writes that are queued for the cache file reach it. Returns within ten seconds of the signal, unless a
  /// disk hangs; a second signal ends the waiting for clients.
  /// @param draining  called once, when the first such signal has come; must not throw
  /// @return unavailable if it has served nobody, since the process before it goes on
  [[nodiscard]] Result<void> run(std::function<void()> draining = nullptr);

 private:
  struct ClientThread;
  struct NewSettings;
  using Work = boost::asio::executor_work_guard<boost::asio::io_context::executor_type>;

  Daemon(const config::Settings& settings, Load load, DaemonStart start);
  Result<void> open_store(const config::Settings& settings);
  Result<void> begin_under(config::Settings settings);
  void open_fleet();
  void prepare_warming();
  std::shared_ptr<access::ClientRegistry> make_registry(const config::Settings& settings,
                                                        access::ClientRegistry* before) const;
  void keep_registry(const std::shared_ptr<access::ClientRegistry>& registry);
  void free_registries();
  Result<void> read_token_key(const config::Settings& settings);
  Result<void> open_listeners();
  Result<void> open_admin();
  Result<std::vector<net::Acceptor>> open_admin_ports(const config::Endpoint& address);
  Result<net::Acceptor> open_admin_socket(const config::Endpoint& address);
  /// The place for copies of listening sockets; null: nobody is to take over.
  net::SocketCopies* shared_copies() {
    return runtime_->settings.listen.handover_socket.empty() ? nullptr : &copies_;
  }
  Result<void> open_handover();
  Result<void> check_inherited();
  Result<void> open_health();
  void start_threads();
  void serve(asio::io_context& context, ClientThread* hits);
  void start_listeners();
  Result<void> take_over();
  void begin_to_serve();
  void begin_service();
  void tell_status();
  [[nodiscard]] HandoverLink::Handler handler_of(const HandoverLink& link);
  [[nodiscard]] Result<std::uint64_t> purge(const caching::Purge& purge,
                                            const HandoverLink* asked_by = nullptr);
  [[nodiscard]] boost::asio::awaitable<void> end_elsewhere(std::vector<caching::Key> targets,
                                                           std::string route,
                                                           const HandoverLink* asked_by = nullptr);
  void hand_over(Descriptor connection);
  void let_next_serve();
  void leave_paths();
  void retire(std::chrono::milliseconds within);
  void drain_when_retired();
  void end();
  void await_hangup();
  void await_log_rotation();
  void reload(Reloads::Done done);
  Result<NewSettings> make_new(const Runtime& in_force, const std::vector<ThreadRuntimePtr>& threads);
  void put_in_force(NewSettings made, const Reloads::Done& done);
  void drain();
  void look_later_whether_idle();
  void stop_when_idle();
  void drain_admin();
  void stop();
  bool wait_for_threads();

  const Load load_;
  DaemonStart start_;
  const bool is_activated_;  // the service manager goes on listening when this process has ended
  const SystemClock clock_;
  session::Limits admin_limits_;
  session::ContextPool admin_contexts_;
  session::Limits health_limits_;
  session::ContextPool health_contexts_;
  std::unique_ptr<storage::MemoryFile> memory_file_;  // null: nobody is sent anything but TLS
  storage::BodyAccount bodies_;
  proxy::AccountZones zones_;
  proxy::KeptConversions conversions_;  // each text is one of the bodies
  net::WaitingSenders senders_;
  net::Shortage shortage_{senders_};
  std::unique_ptr<storage::TieredStore> store_;
  std::unique_ptr<proxy::DiskLookups> disk_lookups_;
  WorkerPool readers_;
  WorkerPool helpers_;
  WorkerPool files_{1, "reading files"};  // settings, secrets, certificates; opens the log: disks may hang
  WorkerPool purger_{1, "purging"};
  boost::asio::io_context upstream_context_;
  Work upstream_work_;
  std::unique_ptr<fleet::Fleet> fleet_;  // null: this process has its credentials for itself
  std::unique_ptr<upstream::UpstreamClient> upstream_client_;
  std::unique_ptr<proxy::FetchTable> fetches_;
  std::unique_ptr<proxy::Services> services_;
  std::unique_ptr<proxy::ScheduledWarming> warming_;
  // Belongs to the thread that reads files, once that runs.
  std::optional<config::Secret> token_key_;
  std::string token_key_of_;  // the file that it is from; empty: none
  // The snapshot in force; of the main thread, and each client thread has its own.
  std::vector<std::shared_ptr<access::ClientRegistry>> registries_;  // that requests may still be under
  RuntimePtr runtime_;
  std::vector<ThreadRuntimePtr> thread_runtimes_;
  session::ConnectionBudget connections_;
  session::ConnectionBudget admin_connections_;
  session::ConnectionBudget health_connections_;
  std::vector<std::unique_ptr<counters::ClientStats>> client_stats_;
  std::vector<std::unique_ptr<counters::RequestStats>> request_stats_;
  std::vector<std::unique_ptr<ClientThread>> client_threads_;
  std::unique_ptr<session::Listeners> listeners_;
  boost::asio::io_context main_context_{1};
  net::IdlePoller admin_poller_{main_context_.get_executor()};
  net::HangupWatch admin_hangups_{main_context_.get_executor()};
  boost::asio::signal_set signals_;  // from before anybody can connect: who can, may end it
  boost::asio::signal_set sighup_;
  boost::asio::signal_set log_rotation_;
  boost::asio::steady_timer drain_timer_;
  Reloads reloads_;
  std::unique_ptr<admin::Admin> admin_;
  std::optional<net::UnixSocket> admin_socket_;
  net::SocketCopies copies_;
  std::unique_ptr<HandoverListener> handover_;  // null: nobody is to take over
  HandoverLink former_{main_context_.get_executor(), handler_of(former_)};
  HandoverLink next_{main_context_.get_executor(), handler_of(next_)};
  ServiceManager manager_ = ServiceManager::from_environment();
  std::optional<Heartbeat> heartbeat_;
  bool is_draining_ = false;
  bool admin_is_draining_ = false;
  bool is_retiring_ = false;
  std::atomic<bool> has_successor_ = false;  // another process serves, or is about to
  SteadyTime retire_deadline_;
  std::vector<std::unique_ptr<session::Listener>> admin_listeners_;
  std::unique_ptr<admin::HealthHandler> health_;
  std::unique_ptr<session::Listeners> health_listeners_;
  std::vector<std::thread> threads_;
  std::atomic<std::size_t> threads_running_{0};
  std::function<void()> draining_;  // may be null
  SteadyTime drain_deadline_;
  SteadyTime threads_deadline_;  // by which they end that serve
};

}  // namespace roktcached
