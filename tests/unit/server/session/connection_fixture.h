#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/asio.h"
#include "server/session/client_connection.h"

namespace roktcached::session {

using namespace std::chrono_literals;  // NOLINT(google-global-names-in-headers)

/// Content in two pieces.
class TwoPieces final : public http::ContentSource {
 public:
  explicit TwoPieces(bool breaks_off) : breaks_off_(breaks_off) {}
  asio::awaitable<Result<std::optional<http::ContentPiece>>> next() override {
    static const auto first = std::make_shared<const std::string>("one");
    static const auto second = std::make_shared<const std::string>("two");
    const int given = given_++;
    if (given == 0) co_return http::ContentPiece{first, *first};
    if (breaks_off_)
      co_return Error{ErrorCode::upstream_invalid_response, true, "cut", ErrorSource::upstream};
    if (given == 1) co_return http::ContentPiece{second, *second};
    co_return std::optional<http::ContentPiece>();
  }

 private:
  const bool breaks_off_;
  int given_ = 0;
};

/// Answers by the target, and keeps what it was asked:
///   /hit       at once
///   /pieces    in pieces; /known with its length, /cut without its end
///   any other  after a look elsewhere
class RecordingHandler final : public http::Handler {
 public:
  struct Asked {
    std::string method;
    std::string target;
    std::string fields;
    std::string body;
  };
  struct Finished {
    unsigned status;
    http::Written written;
  };

  bool answer_now(http::Request& request, http::Answer& answer) override {
    if (request.target != "/hit") return false;
    keep(request);
    answer.notes.route = "a-route";
    answer.body = caching::share_body("hit");
    return true;
  }
  asio::awaitable<http::Answer> handle(const http::Request& request) override {
    keep(request);
    http::Answer answer;
    answer.notes.route = "a-route";
    const bool cut = request.target == "/cut";
    const bool known = request.target == "/known";
    if (cut || known || request.target == "/pieces") {
      answer.content = std::make_shared<TwoPieces>(cut);
      if (known) answer.content_length = 6;
    } else {
      answer.body = caching::share_body("found");
    }
    co_return answer;
  }
  [[nodiscard]] std::string methods_at(const http::Request& preflight) const override {
    return "GET, DELETE of " + preflight.target;
  }
  void finished(const http::Request&, const http::Answer& answer, const http::Written& written) override {
    finished_ones.push_back({answer.status, written});
  }

  bool keeps = true;
  std::vector<Asked> asked;
  std::vector<Finished> finished_ones;

 private:
  void keep(const http::Request& request) {
    if (keeps) asked.push_back({request.method, request.target, request.fields.to_lines(), request.body});
  }
};

/// One connection and its client, both run by the test, over a Unix socket.
class ConnectionFixture : public testing::Test, private Registrar {
 protected:
  void start(std::shared_ptr<asio::ssl::context> tls = nullptr) {
    std::array<int, 2> ends{-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) != 0) throw std::bad_alloc();
    client.emplace(ends[1]);
    Registrar& registrar = *this;
    connection = std::make_shared<ClientConnection>(
        ClientConnection::Accepted{context.get_executor(), Descriptor(ends[0]),
                                   asio::local::stream_protocol::endpoint(), std::move(tls)},
        server, registrar);
    connection->start();
  }
  ~ConnectionFixture() override {
    if (!connection) return;
    connection->abort();
    context.restart();
    context.poll();
  }

  /// @return whether somebody could still receive it
  bool send(std::string_view text) {
    return ::send(client->get(), text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }
  static std::string get(const std::string& target, const std::string& more = "",
                         const std::string& version = "1.1") {
    return "GET " + target + " HTTP/" + version + "\r\nHost: a\r\n" + more + "\r\n";
  }
  /// Appends what has come to `received`.
  void receive() {
    std::string text(64 * 1024, '\0');
    while (client) {
      const ssize_t size = ::recv(client->get(), text.data(), text.size(), 0);
      if (size <= 0) {
        closed = size == 0;
        was_reset = size < 0 && errno == ECONNRESET;
        return;
      }
      received.append(text, 0, static_cast<std::size_t>(size));
    }
  }
  /// Until `done`. What does not come is waited for no longer than a test may take; nothing that is to come
  /// takes that long.
  template <class Done>
  void run_until(Done done) {
    context.restart();
    while (!done() && context.run_one_for(10s) > 0) {
    }
    EXPECT_TRUE(done()) << received;
  }
  void run_until_received(const std::string& text) {
    run_until([&] {
      receive();
      return received.find(text) != std::string::npos;
    });
  }
  void run_until_over() {
    run_until([&] {
      receive();
      return is_over();
    });
    receive();
  }
  [[nodiscard]] bool is_over() const { return connection == nullptr; }
  [[nodiscard]] bool has(std::string_view text) const { return received.find(text) != std::string::npos; }

  asio::io_context context{1};
  RecordingHandler handler;
  Limits limits;
  ContextPool contexts{limits};
  net::IdlePoller poller{context.get_executor()};
  net::HangupWatch hangups{context.get_executor(), 1ms};
  const ServerContext server{
      .limits = limits, .handler = handler, .contexts = contexts, .poller = poller, .hangups = hangups};
  std::shared_ptr<ClientConnection> connection;
  std::optional<Descriptor> client;
  std::string received;
  bool closed = false;     // the connection has, and all that was sent has been received
  bool was_reset = false;  // and perhaps not all

 private:
  void ended(ClientConnection&) override { connection.reset(); }
};

}  // namespace roktcached::session
