#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>

#include "server/commands/commands.h"

namespace roktcached::commands {

int simulate(const simulator::Options& options) {
  boost::asio::io_context context;
  boost::asio::signal_set signals(context, SIGTERM, SIGINT);
  signals.async_wait([](const boost::system::error_code&, int) {});
  const auto started = simulator::Simulator::start(options);
  if (!started) return fail(unavailable, started.error().context);
  fmt::print(stderr, "simulator on {}:{}\n", options.host, (*started)->port());
  context.run();
  (*started)->stop();
  return success;
}

}  // namespace roktcached::commands
