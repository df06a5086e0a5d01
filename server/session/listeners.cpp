#include "server/session/listeners.h"

#include <algorithm>

#include "server/asio.h"
#include "server/background.h"
#include "server/log_event.h"
#include "server/net/tls_context.h"

namespace roktcached::session {

using tcp = asio::ip::tcp;

namespace {

/// @param section  whose address it is
void say_listening(const std::string& section, const std::string& address, bool tls, std::string_view how) {
  log_event(spdlog::level::info, "listening", "{} on {}{}{}", section == "listen" ? "listening" : section,
            address, tls ? " (TLS)" : "", how)
      .with("address", address)
      .log();
}

}  // namespace

Listeners::Listeners(const config::Listen& settings, ConnectionBudget& budget, std::vector<Thread> threads,
                     const SharedSockets& shared, std::string section)
    : settings_(settings),
      budget_(budget),
      threads_(std::move(threads)),
      shared_(shared),
      section_(std::move(section)),
      listeners_(threads_.size()) {}

Result<std::unique_ptr<Listeners>> Listeners::open(const config::Listen& settings, ConnectionBudget& budget,
                                                   std::vector<Thread> threads, const SharedSockets& shared,
                                                   std::string section) {
  // Before any address is opened: who connects is to be served.
  const auto tls = settings.tls.addresses.empty()
                       ? Result<Tls>(Tls())
                       : net::make_tls_context(settings.tls, net::PrivateKey::read, section + ".tls");
  if (!tls) return tls.error();
  std::unique_ptr<Listeners> made(
      new Listeners(settings, budget, std::move(threads), shared, std::move(section)));
  if (*tls) made->certificate_expiry_ = net::certificate_expiry(**tls);
  for (const auto& address : settings.addresses) {
    const auto opened = address.is_unix() ? made->open_unix(address) : made->open_tcp(address, nullptr);
    if (!opened) return opened.error();
  }
  for (const auto& address : settings.tls.addresses) {
    if (const auto opened = made->open_tcp(address, *tls); !opened) return opened.error();
  }
  made->shared_ = {};
  return made;
}

/// Another process could share a port that is open for sharing, so the port is first taken alone: that tells
/// whether it is free. An address beside a localhost that it is part of is opened once.
Result<void> Listeners::open_tcp(const config::Endpoint& address, const Tls& tls) {
  auto endpoints = net::endpoints_here(address);
  if (!endpoints) return endpoints.error();
  std::erase_if(*endpoints, [&](const tcp::endpoint& endpoint) {
    return std::ranges::find(open_, std::pair(endpoint, tls)) != open_.end();
  });
  for (const tcp::endpoint& endpoint : *endpoints) {
    if (const auto opened = open_inherited(endpoint, tls); !opened) return opened.error();
  }
  std::erase_if(*endpoints, [&](const tcp::endpoint& endpoint) {
    return std::ranges::find(open_, std::pair(endpoint, tls)) != open_.end();
  });
  if (endpoints->empty()) return {};
  if (const auto settled = net::settle_ports(*endpoints); !settled) return settled.error();
  for (const auto& endpoint : *endpoints) {
    if (const auto opened = open_tcp(endpoint, tls); !opened) return opened.error();
  }
  return {};
}

/// Opens nothing if none is inherited.
Result<void> Listeners::open_inherited(const tcp::endpoint& endpoint, const Tls& tls) {
  if (shared_.inherited == nullptr || !shared_.inherited->has(endpoint)) return {};
  std::vector<asio::any_io_executor> executors;
  for (const Thread& thread : threads_) executors.emplace_back(thread.context.get_executor());
  const auto sockets = shared_.inherited->take(endpoint);
  const auto add_one = [&](std::size_t thread, net::Acceptor acceptor) {
    add(thread, std::move(acceptor), tls);
  };
  if (const auto shared_out = net::share_out(sockets, executors, add_one); !shared_out)
    return shared_out.error();
  open_.emplace_back(endpoint, tls);
  say_listening(section_, net::text_of(endpoint), tls != nullptr, ", on a socket that was handed over");
  return {};
}

Result<void> Listeners::open_tcp(const tcp::endpoint& endpoint, const Tls& tls) {
  for (std::size_t i = 0; i < threads_.size(); ++i) {
    auto opened = net::open_listener(threads_[i].context.get_executor(), endpoint, true);
    if (!opened) return opened.error();
    add(i, std::move(opened->first), tls);
  }
  open_.emplace_back(endpoint, tls);
  say_listening(section_, net::text_of(endpoint), tls != nullptr, "");
  return {};
}

Result<net::UnixSocket> Listeners::open_unix_socket(const std::string& path) {
  if (shared_.inherited != nullptr) {
    if (auto inherited = shared_.inherited->take(path)) return std::move(*inherited);
  }
  return net::UnixSocket::open(path, settings_.unix_mode, settings_.unix_group);
}

Result<void> Listeners::open_unix(const config::Endpoint& address) {
  auto opened = open_unix_socket(address.path);
  if (!opened) return opened.error();
  for (std::size_t i = 0; i < threads_.size(); ++i) {
    auto acceptor = opened->acceptor(threads_[i].context.get_executor());
    if (!acceptor) return acceptor.error();
    add(i, std::move(*acceptor), nullptr);
  }
  say_listening(section_, "unix:" + address.path, false, "");
  unix_sockets_.push_back(std::move(*opened));
  return {};
}

std::vector<Listeners::Address> Listeners::addresses() const {
  std::vector<Address> addresses;
  for (const auto& [endpoint, tls] : open_) addresses.push_back({net::text_of(endpoint), tls != nullptr});
  for (const net::UnixSocket& socket : unix_sockets_) addresses.push_back({"unix:" + socket.path(), false});
  return addresses;
}

void Listeners::add(std::size_t thread, net::Acceptor acceptor, const Tls& tls) {
  if (shared_.copies != nullptr) shared_.copies->add(acceptor.native_handle());
  listeners_[thread].push_back(
      std::make_unique<Listener>(std::move(acceptor), threads_[thread].server, budget_, tls));
}

template <class Action>
void Listeners::on_each(Action action) {
  for (std::size_t i = 0; i < threads_.size(); ++i) {
    post_with_retry(threads_[i].context, [&listeners = listeners_[i], action] {
      for (const auto& listener : listeners) action(*listener);
    });
  }
}

void Listeners::start() {
  on_each([](Listener& listener) { listener.start(); });
}

void Listeners::leave_paths() {
  for (net::UnixSocket& socket : unix_sockets_) socket.leave_path();
}

void Listeners::hand_over() {
  leave_paths();
  on_each([](Listener& listener) { listener.retire(); });
  unix_sockets_.clear();
}

void Listeners::own_paths() {
  for (net::UnixSocket& socket : unix_sockets_) {
    socket.own_path();
    const auto given = socket.give_to(settings_.unix_mode, settings_.unix_group);
    if (given) continue;
    log_event(spdlog::level::err, "socket-mode-failed", "the socket of the process before: {}",
              given.error().context)
        .log();
  }
}

void Listeners::drain() {
  on_each([](Listener& listener) { listener.drain(); });
  unix_sockets_.clear();  // else they would let clients wait for nobody, and keep the next process out
}

void Listeners::abort() {
  on_each([](Listener& listener) { listener.abort(); });
}

void Listeners::renew(const Tls& tls) {
  certificate_expiry_ = net::certificate_expiry(*tls);
  on_each([tls](Listener& listener) { listener.renew(tls); });
}

}  // namespace roktcached::session
