#include "server/client_thread.h"

#include <utility>

#include "server/fixed_sizes.h"

namespace roktcached {

session::Limits limits_of_admin(const config::Settings& settings, std::uint64_t number) {
  session::Limits limits = limits_of(settings, number);
  limits.allowed_origins.clear();
  limits.allowed_hosts.insert(limits.allowed_hosts.end(), {"localhost", "127.0.0.1", "[::1]"});
  if (const auto& address = settings.admin.address; address && !address->is_unix()) {
    const std::string own = config::to_string(*address);
    limits.allowed_hosts.push_back(own.substr(0, own.rfind(':')));
  }
  return limits;
}

session::Limits of_health(session::Limits limits) {
  limits.allowed_hosts.clear();
  limits.allowed_origins.clear();
  return limits;
}

session::Limits limits_of(const config::Settings& settings, std::uint64_t number) {
  const config::Listen& listen = settings.listen;
  session::Limits limits{.number = number,
                         .head_timeout = listen.head_timeout,
                         .body_timeout = listen.body_timeout,
                         .idle_timeout = listen.idle_timeout,
                         .write_timeout = listen.write_timeout,
                         .min_write_rate = listen.min_write_rate,
                         .max_head = static_cast<std::uint32_t>(listen.max_head),
                         .max_body = listen.max_body,
                         .allowed_hosts = listen.allowed_hosts,
                         .own_ids = {},
                         .allowed_origins = listen.allowed_origins};
  for (const config::Credential& credential : settings.credentials)
    limits.own_ids.push_back({credential.app_id, credential.name});
  return limits;
}

Daemon::ClientThread::ClientThread(boost::asio::io_context* shared, ThreadRuntimePtr in_force,
                                   const proxy::Services& services, counters::ClientStats& client_stats,
                                   counters::RequestStats& request_stats)
    : own(shared != nullptr ? nullptr : std::make_unique<boost::asio::io_context>(one_thread)),
      context(shared != nullptr ? *shared : *own),
      work(context.get_executor()),
      runtime(std::move(in_force)),
      limits(limits_of(runtime->runtime->settings, runtime->runtime->number)),
      handler(services, client_stats, request_stats),
      contexts(limits),
      poller(context.get_executor()),
      hangups(context.get_executor()) {}

void Daemon::ClientThread::begin_under(ThreadRuntimePtr next) {
  session::Limits changed = limits_of(next->runtime->settings, next->runtime->number);
  limits = std::move(changed);
  runtime = std::move(next);
  contexts.free_all();  // each holds what it was used under
}

}  // namespace roktcached
