#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/upstream/wire/upstream_connection.h"
#include "tests/unit/server/upstream/wire/loopback.h"

namespace roktcached::upstream {

/// One connection to a server that the test plays.
class ConnectionTest : public testing::Test {
 protected:
  using Opened = Result<std::unique_ptr<UpstreamConnection>>;
  using Answered = Result<UpstreamResponse>;

  Opened open(Origin& origin) {
    return run(context, UpstreamConnection::open(context.get_executor(), origin));
  }
  Answered exchange(UpstreamConnection& connection) {
    const WireRequest request = get();
    return run(context, connection.exchange(request));
  }
  /// A server that answers every request with `bytes`, and closes behind them if it is to.
  Loopback::Serve answering(std::string bytes, bool closing = false) {
    return [this, bytes, closing](tcp::socket& socket) -> asio::awaitable<void> {
      while (true) {
        const std::string head = co_await read_head(socket);
        if (head.empty()) break;
        heads.push_back(head);
        co_await write_text(socket, bytes);
        if (closing) break;
      }
    };
  }

  asio::io_context context;
  config::Upstream settings;
  std::vector<std::string> heads;
};

}  // namespace roktcached::upstream
