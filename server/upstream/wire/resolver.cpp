#include "server/upstream/wire/resolver.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>

#include "server/asio.h"
#include "server/background.h"
#include "server/upstream/wire/exchange_failure.h"

namespace roktcached::upstream {

namespace {
constexpr std::chrono::seconds lifetime{60};
}

/// Outlives the resolver if it must: getaddrinfo cannot be interrupted.
struct Resolver::Lookup {
  explicit Lookup(const asio::any_io_executor& executor) : resolver(executor), done(executor) {
    done.expires_at(SteadyTime::max());
  }
  asio::ip::tcp::resolver resolver;
  asio::steady_timer done;  // cancelled when the answer is here
  bool finished = false;
  boost::system::error_code error;
  Endpoints endpoints;
};

Resolver::Resolver(asio::any_io_executor executor, std::string host, std::uint16_t port)
    : executor_(std::move(executor)), host_(std::move(host)), port_(std::to_string(port)) {
  if (host_.starts_with('[')) host_ = host_.substr(1, host_.size() - 2);
}

void Resolver::doubt() {
  fresh_until_ = SteadyTime::min();
}

asio::awaitable<void> Resolver::look_up(std::shared_ptr<Lookup> lookup, std::string host, std::string port) {
  const auto [error, results] = co_await lookup->resolver.async_resolve(host, port, as_result);
  lookup->error = error;
  for (const auto& entry : results) lookup->endpoints.push_back(entry.endpoint());
  lookup->finished = true;
  lookup->done.cancel();
}

asio::awaitable<Result<Endpoints>> Resolver::resolve(SteadyTime deadline, Turn* turn) {
  if (!endpoints_.empty() && std::chrono::steady_clock::now() < fresh_until_) co_return endpoints_;
  if (!lookup_) {
    auto begun = std::make_shared<Lookup>(executor_);
    auto look = [begun, host = host_, port = port_] { return look_up(begun, host, port); };
    spawn_watched(executor_, std::move(look), "looking up the upstream", [begun](bool failed) {
      if (failed && !begun->finished) begun->error = asio::error::no_memory;
      begun->finished = true;
      begun->done.cancel();
    });
    lookup_ = std::move(begun);
  }
  const auto lookup = lookup_;
  if (!lookup->finished) {
    // The lookup's own timer wakes everybody; this one ends the wait of this caller alone.
    asio::steady_timer timeout(executor_, deadline);
    timeout.async_wait([lookup](const boost::system::error_code& error) {
      if (!error) lookup->done.cancel();
    });
    const Turn::Watch watch(turn, [&done = lookup->done] { done.cancel(); });
    const auto is_waited_for = [&] { return turn == nullptr || !turn->unwanted(); };
    while (!lookup->finished && is_waited_for() && std::chrono::steady_clock::now() < deadline)
      co_await lookup->done.async_wait(as_result);
    if (!is_waited_for()) co_return nobody_waits();
  }
  if (lookup->finished && lookup_ == lookup) {
    lookup_.reset();
    if (!lookup->endpoints.empty()) {
      endpoints_ = lookup->endpoints;
      fresh_until_ = std::chrono::steady_clock::now() + lifetime;
    }
  }
  if (!endpoints_.empty()) co_return endpoints_;
  if (lookup->finished && lookup->endpoints.empty()) {
    co_return Error{ErrorCode::upstream_unreachable, false, host_ + ": " + lookup->error.message(),
                    ErrorSource::upstream};
  }
  if (lookup->finished) co_return lookup->endpoints;
  co_return Error{ErrorCode::upstream_timeout, true, host_ + ": the name service did not answer in time",
                  ErrorSource::upstream};
}

}  // namespace roktcached::upstream
