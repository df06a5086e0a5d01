#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>

#include "server/daemon.h"

namespace roktcached {

/// The concurrency hint of a context that one thread runs, and whose sockets are used on it alone; other
/// threads only post to it.
inline constexpr int one_thread = BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO;

/// The limits of connections under these settings.
/// @param number  Runtime::number
[[nodiscard]] session::Limits limits_of(const config::Settings& settings, std::uint64_t number);

/// The same for the admin listener. No page of another origin may read there, whatever may read reports.
/// Besides listen.allowed_hosts it serves this machine's own names, and the address that the commands ask.
[[nodiscard]] session::Limits limits_of_admin(const config::Settings& settings, std::uint64_t number);

/// The same for the health listener. Every Host is served, since probes and scrapes name an address that
/// nobody has configured, such as a pod's. It has nothing that a page could change.
[[nodiscard]] session::Limits of_health(session::Limits limits);

/// The objects that serve the clients of one thread.
struct Daemon::ClientThread {
  /// @param shared   the context of another thread's that it runs on; null: one of its own
  /// @param in_force  what its requests begin under
  ClientThread(boost::asio::io_context* shared, ThreadRuntimePtr in_force, const proxy::Services& services,
               counters::ClientStats& client_stats, counters::RequestStats& request_stats);

  /// Requests begin under `next` from now on. On its thread. If memory fails, nothing has changed.
  void begin_under(ThreadRuntimePtr next);

  const std::unique_ptr<boost::asio::io_context> own;
  boost::asio::io_context& context;
  Work work;
  ThreadRuntimePtr runtime;
  session::Limits limits;  // of `runtime`
  proxy::ProxyHandler handler;
  session::ContextPool contexts;
  net::IdlePoller poller;
  net::HangupWatch hangups;
};

}  // namespace roktcached
