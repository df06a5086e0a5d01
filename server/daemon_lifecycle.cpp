// How the daemon comes and goes: the service manager that it tells how it is, and how connections end.
// daemon_handover.cpp has the processes before and after it.

#include <sstream>
#include <utility>

#include "server/background.h"
#include "server/client_thread.h"
#include "server/daemon.h"
#include "server/log_event.h"
#include "server/logging.h"
#include "server/status_line.h"

namespace roktcached {

namespace asio = boost::asio;

namespace {

/// For a service manager that does not say how often it wants to hear.
constexpr std::chrono::seconds status_interval{10};
/// For connections that stay idle, if no other process serves yet, so that new clients wait.
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
      ErrorCode::configuration, false,
      "the service manager listens on " + left +
          ", which no setting names; accepted: the same addresses in ListenStream= of the socket unit and in "
          "listen.addresses, listen.tls.addresses, admin.address or [health]"};
}

void Daemon::begin_to_serve() {
  start_listeners();
  if (!admin_listeners_.empty()) admin_->start_sampling(main_context_.get_executor());
  begin_service();
  signals_.async_wait([this](const boost::system::error_code& error, int) {
    if (!error) end();
  });
}

/// Listeners accept from here on.
void Daemon::begin_service() {
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

void Daemon::await_hangup() {
  const auto heard = [this](const boost::system::error_code& error, int) {
    if (error) return;
    await_hangup();
    LogEvent(spdlog::level::info, "reload-requested", "SIGHUP: the settings are read again").log();
    reloads_.request();
  };
  retry_until_done("waiting for SIGHUP", [&] { sighup_.async_wait(heard); });
}

void Daemon::await_log_rotation() {
  const auto heard = [this](const boost::system::error_code& error, int) {
    if (error) return;
    await_log_rotation();
    asio::post(files_.executor(), reopen_log);
  };
  retry_until_done("waiting for SIGUSR1", [&] { log_rotation_.async_wait(heard); });
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
    const bool idle = connections_.open() == 0 && admin_->under_way() == 0;
    const bool over = idle || clock_.steady_now() >= retire_deadline_;
    over ? drain() : drain_when_retired();
  };
  retry_until_done("handing over", [&] {
    drain_timer_.expires_after(retire_poll);
    drain_timer_.async_wait(looked);
  });
}

}  // namespace roktcached
