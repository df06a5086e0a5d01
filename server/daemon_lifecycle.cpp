// How the daemon comes and goes beside other processes: the service manager that it tells how it is, and the
// processes before and after it, from which and to which it hands over its sockets.

#include <sstream>
#include <utility>

#include "server/background.h"
#include "server/client_thread.h"
#include "server/daemon.h"
#include "server/log_event.h"
#include "server/status_line.h"

namespace roktcached {

namespace asio = boost::asio;

namespace {

/// For a service manager that does not say how often it wants to hear.
constexpr std::chrono::seconds status_interval{10};
/// For connections that stay idle while another process serves already.
constexpr std::chrono::seconds time_to_retire{5};
/// The same if no other process serves yet, so that new clients wait.
constexpr std::chrono::milliseconds time_to_retire_alone{500};
constexpr std::chrono::milliseconds retire_poll{10};

}  // namespace

/// A socket that nobody serves would let its clients wait for ever: systemd goes on listening on it.
Result<void> Daemon::check_inherited() {
  std::string left;
  for (const std::string& address : start_.sockets.left()) left += (left.empty() ? "" : ", ") + address;
  if (left.empty()) return {};
  if (start_.predecessor) {
    log_event(spdlog::level::info, "handover-address-dropped",
              "the process before listened on {}, which no setting names any more", left)
        .with("address", left)
        .log();
    start_.sockets = net::InheritedSockets();  // closed, with which they are refused
    return {};
  }
  return Error{
      ErrorCode::configuration, ErrorSource::inbound, false,
      "the service manager listens on " + left +
          ", which no setting names; accepted: the same addresses in ListenStream= of the socket unit and in "
          "listen.addresses, listen.tls.addresses, admin.address or [health]"};
}

Result<void> Daemon::open_handover() {
  const std::string& path = runtime_->settings.listen.handover_socket;
  if (path.empty()) return {};
  constexpr mode_t owner_only = 0600;
  auto inherited = start_.sockets.take(path);
  auto socket = inherited ? Result<net::UnixSocket>(std::move(*inherited))
                          : net::UnixSocket::open(path, owner_only, "");
  if (!socket) return socket.error();
  handover_ =
      std::make_unique<HandoverListener>(main_context_, std::move(*socket), copies_, [this] { hand_over(); });
  const auto own = handover_->start();
  if (own) copies_.add(handover_->socket().descriptor());
  return own;
}

/// Listeners accept from here on: the process before this one is to end, and the manager is told.
void Daemon::begin_service() {
  if (start_.predecessor) {
    listeners_->own_paths();
    health_listeners_->own_paths();
    if (admin_socket_) admin_socket_->own_path();
    if (handover_) handover_->socket().own_path();
    const bool told = start_.predecessor->dismiss();
    start_.predecessor.reset();
    LogEvent(spdlog::level::info, "handover-taken",
             told ? "hand-over: the process before ends; this one serves in its place"
                  : "hand-over: the process before has ended already")
        .log();
  }
  if (!manager_.listens()) return;
  manager_.ready();
  tell_status();
  std::vector<asio::any_io_executor> threads{upstream_context_.get_executor()};
  for (const auto& thread : client_threads_) threads.emplace_back(thread->context.get_executor());
  const auto looked = [this](bool all_move) {
    if (all_move && manager_.heartbeat()) manager_.alive();
    if (!all_move)
      LogEvent(spdlog::level::warn, "thread-stuck", "a thread has not moved since the last look").log();
    if (!is_draining_) tell_status();
  };
  heartbeat_.emplace(main_context_.get_executor(), std::move(threads),
                     manager_.heartbeat().value_or(status_interval), looked);
  heartbeat_->start();
}

void Daemon::tell_status() {
  if (!manager_.listens()) return;
  StatusReadings readings;
  readings.connections = connections_.open();
  for (const auto& stats : request_stats_) {
    for (const auto& [kind, count] : stats->read().requests) readings.answers += count;
  }
  readings.upstream_requests = upstream_client_->requests_sent();
  if (const auto token = upstream_client_->token_status(); !token.alive)
    readings.troubles.push_back("no access token" +
                                (token.last_error.empty() ? "" : ": " + token.last_error));
  for (const auto& tier : store_->statistics()) {
    if (!tier.trouble.empty()) readings.troubles.push_back("cache file: " + tier.trouble);
  }
  if (const std::string& error = reloads_.status().last_error; !error.empty())
    readings.troubles.push_back("the last reload failed: " + error);
  manager_.status(status_line(readings));
}

/// Another process serves. Connections end behind their next answer; those that stay idle are drained.
void Daemon::hand_over() {
  if (is_draining_) return;
  has_successor_ = true;
  log_event(spdlog::level::info, "handover-given",
            "hand-over: another process serves; {} connections end here, each behind its next answer",
            connections_.open())
      .with("connections", connections_.open())
      .log();
  leave_paths();
  copies_.close();
  listeners_->hand_over();
  health_listeners_->hand_over();
  for (const auto& listener : admin_listeners_) listener->retire();
  retire(time_to_retire);
}

/// Another process listens on the same sockets: it finds clients by these paths, and deletes them in the end.
void Daemon::leave_paths() {
  handover_->socket().leave_path();
  if (admin_socket_) admin_socket_->leave_path();
  listeners_->leave_paths();
  health_listeners_->leave_paths();
}

/// If the service manager holds the sockets, new clients wait for the next process. So there is a moment in
/// which connections that are in use can end after their next answer, before idle ones are closed.
void Daemon::end() {
  if (!is_activated_) return drain();
  manager_.stopping();
  listeners_->hand_over();
  retire(time_to_retire_alone);
}

/// Once more, it only changes the time: one look at a time.
void Daemon::retire(std::chrono::milliseconds within) {
  retire_deadline_ = clock_.steady_now() + within;
  if (!std::exchange(is_retiring_, true)) drain_when_retired();
}

void Daemon::drain_when_retired() {
  const auto looked = [this](const boost::system::error_code&) {
    if (is_draining_) return;
    const bool over = connections_.open() == 0 || clock_.steady_now() >= retire_deadline_;
    over ? drain() : drain_when_retired();
  };
  retry_until_done("handing over", [&] {
    drain_timer_.expires_after(retire_poll);
    drain_timer_.async_wait(looked);
  });
}

}  // namespace roktcached
