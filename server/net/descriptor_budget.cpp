#include "server/net/descriptor_budget.h"

#include <fmt/format.h>

#include <algorithm>

#include "server/fixed_sizes.h"

namespace roktcached {

namespace {

/// "localhost" is two.
constexpr std::uint64_t sockets_of_an_address = 2;
/// epoll, timer and wake-up of an io_context, and the epoll of the connections that are idle.
constexpr std::uint64_t of_a_context = 4;
/// SQLite has the file, its log and the index of that open, and for a moment a file more.
constexpr std::uint64_t of_a_cache_connection = 4;
/// Standard streams, the log and its successor, signals, the cache's lock, the name service, a certificate
/// or secret that is read, attempts at several addresses of one upstream; and what libraries open.
constexpr std::uint64_t other_descriptors = 48;

}  // namespace

std::uint64_t DescriptorBudget::clients_within(std::uint64_t limit) const {
  const std::uint64_t left = limit > reserve ? limit - reserve : 0;
  return std::max(min_clients, left / of_one_client);
}

DescriptorBudget descriptor_budget(const config::Settings& settings) {
  const config::Listen& listen = settings.listen;
  const std::uint64_t threads = client_thread_count(listen);
  const std::uint64_t addresses = listen.addresses.size() + listen.tls.addresses.size();
  const std::uint64_t copies = listen.handover_socket.empty() ? 1 : 2;  // one of each for the next process
  const std::uint64_t listening = threads * addresses * sockets_of_an_address * copies;
  const std::uint64_t contexts =
      (threads + 2) * of_a_context;  // and the upstream client's and the main thread's
  const std::uint64_t admin = settings.admin.address ? sockets_of_an_address + max_admin_connections : 0;
  const std::uint64_t probes = settings.health.addresses.size() + settings.health.tls.addresses.size();
  const std::uint64_t health = probes > 0 ? probes * sockets_of_an_address + max_health_connections : 0;
  const std::uint64_t cache = (cache_readers(threads) + 1) * of_a_cache_connection;
  const std::uint64_t tokens = settings.credentials.size();
  return {listening + contexts + admin + health + cache + tokens + settings.upstream.max_connections +
          other_descriptors};
}

std::optional<std::string> bound_connections(config::Settings& settings, std::uint64_t limit) {
  const DescriptorBudget budget = descriptor_budget(settings);
  const std::uint64_t wanted = settings.listen.max_connections;
  const std::uint64_t fit = budget.clients_within(limit);
  if (wanted <= fit) return std::nullopt;
  settings.listen.max_connections = fit;
  return fmt::format(
      "listen.max_connections: {}, not {}: open files are limited to {}, of which {} are kept for everything "
      "but clients, and each client may need {}; raise the hard limit (systemd: LimitNOFILE=, shell: ulimit "
      "-Hn, container: --ulimit nofile=)",
      fit, wanted, limit, budget.reserve, DescriptorBudget::of_one_client);
}

}  // namespace roktcached
