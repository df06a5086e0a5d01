// The listeners of the admin API and of health checks; clients' are in daemon.cpp.

#include <fmt/format.h>

#include "server/daemon.h"
#include "server/log_event.h"

namespace roktcached {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

namespace {

void say_admin_listens(const std::string& address, std::string_view how = "") {
  log_event(spdlog::level::info, "admin-listening", "admin on {}{}", address, how)
      .with("address", address)
      .log();
}

}  // namespace

Result<void> Daemon::open_admin() {
  const std::optional<config::Endpoint>& address = runtime_->settings.admin.address;
  const bool is_unix = address && address->is_unix();
  admin_ = std::make_unique<admin::Admin>(
      admin::Sources{client_stats_,
                     request_stats_,
                     connections_,
                     listeners_,
                     health_listeners_,
                     *store_,
                     bodies_,
                     runtime_,
                     reloads_,
                     *fetches_,
                     zones_,
                     *warming_,
                     *upstream_client_,
                     fleet_.get(),
                     upstream_context_.get_executor(),
                     clock_,
                     clock_.steady_now(),
                     is_unix,
                     purger_.executor(),
                     [this](const caching::Purge& purge) { return this->purge(purge); }});
  if (!address) return {};
  std::vector<net::Acceptor> acceptors;
  if (is_unix) {
    auto opened = open_admin_socket(*address);
    if (!opened) return opened.error();
    acceptors.push_back(std::move(*opened));
  } else {
    auto opened = open_admin_ports(*address);
    if (!opened) return opened.error();
    acceptors = std::move(*opened);
  }
  const session::ServerContext server{.limits = admin_limits_,
                                      .handler = *admin_,
                                      .contexts = admin_contexts_,
                                      .poller = admin_poller_,
                                      .hangups = admin_hangups_};
  for (net::Acceptor& acceptor : acceptors) {
    if (auto* const copies = shared_copies()) copies->add(acceptor.native_handle());
    admin_listeners_.push_back(
        std::make_unique<session::Listener>(std::move(acceptor), server, admin_connections_));
  }
  return {};
}

/// One of the two loopbacks of localhost may be inherited, and the other not.
Result<std::vector<net::Acceptor>> Daemon::open_admin_ports(const config::Endpoint& address) {
  auto endpoints = net::endpoints_here(address);
  if (!endpoints) return endpoints.error();
  std::vector<net::Acceptor> acceptors;
  std::vector<tcp::endpoint> to_open;
  for (const auto& endpoint : *endpoints) {
    if (!start_.sockets.has(endpoint)) {
      to_open.push_back(endpoint);
      continue;
    }
    const auto add = [&](std::size_t, net::Acceptor acceptor) { acceptors.push_back(std::move(acceptor)); };
    const auto sockets = start_.sockets.take(endpoint);
    const auto shared = net::share_out(sockets, {main_context_.get_executor()}, add);
    if (!shared) return shared.error();
    say_admin_listens(net::text_of(endpoint), ", on a socket that was handed over");
  }
  if (to_open.empty()) return acceptors;
  if (const auto settled = net::settle_ports(to_open); !settled) return settled.error();
  for (const auto& endpoint : to_open) {
    auto opened = net::open_listener(main_context_.get_executor(), endpoint, false);
    if (!opened) return opened.error();
    say_admin_listens(net::text_of(opened->second));
    acceptors.push_back(std::move(opened->first));
  }
  return acceptors;
}

/// Whoever can open it may purge without a token, so it is the owner's alone.
Result<net::Acceptor> Daemon::open_admin_socket(const config::Endpoint& address) {
  constexpr mode_t owner_only = 0600;
  auto inherited = start_.sockets.take(address.path);
  if (inherited) {
    if (const auto checked = inherited->check_owner_only(); !checked) return checked.error();
  }
  auto opened = inherited ? Result<net::UnixSocket>(std::move(*inherited))
                          : net::UnixSocket::open(address.path, owner_only, "");
  if (!opened) return opened.error();
  admin_socket_.emplace(std::move(*opened));
  say_admin_listens("unix:" + address.path);
  return admin_socket_->acceptor(main_context_.get_executor());
}

/// After the admin listener, whose handler answers here, too.
Result<void> Daemon::open_health() {
  const config::Health& health = runtime_->settings.health;
  health_ = std::make_unique<admin::HealthHandler>(*admin_);
  config::Listen addresses;
  addresses.addresses = health.addresses;
  addresses.tls = health.tls;
  const session::ServerContext server{.limits = health_limits_,
                                      .handler = *health_,
                                      .contexts = health_contexts_,
                                      .poller = admin_poller_,
                                      .hangups = admin_hangups_};
  auto opened = session::Listeners::open(addresses, health_connections_, {{main_context_, server}},
                                         {.inherited = &start_.sockets, .copies = shared_copies()}, "health");
  if (!opened) return opened.error();
  health_listeners_ = std::move(*opened);
  return {};
}

}  // namespace roktcached
