#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/session/session.h"
#include "tests/unit/server/fake_clock.h"

namespace roktcached::session {

/// Answers /hit and /large at once, and lets the test answer all others. Keeps what it was asked.
class SessionHandler final : public http::Handler {
 public:
  struct Finished {
    unsigned status;
    http::Written written;
  };

  bool answer_now(http::Request& request, http::Answer& answer) override {
    asked.push_back(request.method + " " + request.target + " [" + request.fields.to_lines() + "] {" +
                    request.body + "}");
    answer.notes.route = "a-route";
    if (request.target == "/large") answer.body = large;
    if (request.target == "/hit") answer.body = hit;
    return answer.body != nullptr;
  }
  asio::awaitable<http::Answer> handle(const http::Request&) override { co_return http::Answer{}; }
  void finished(const http::Request& request, const http::Answer& answer,
                const http::Written& written) override {
    all_finished.push_back({answer.status, written});
    if (answer.status < 400) {
      EXPECT_EQ(request.client, client);
    }
  }

  const caching::BodyPtr hit = caching::share_body("hit");
  const caching::BodyPtr large = caching::share_body(std::string(20'000, 'x'));
  std::string client = "192.0.2.7";  ///< who is to have asked
  std::vector<std::string> asked;
  std::vector<Finished> all_finished;
};

/// A session and the test that carries it: no socket, no executor, and a clock that stands.
class SessionFixture : public testing::Test {
 protected:
  using Need = Session::Need;
  using Ending = Session::Ending;

  void start(bool encrypted = false) {
    if (session) session->end();
    sent.clear();
    session.emplace(Session::Environment{limits, handler, contexts, clock}, "192.0.2.7", encrypted);
  }
  void receive(std::string_view bytes) {
    const auto into = session->prepare(bytes.size());
    ASSERT_GE(into.size(), bytes.size());
    std::memcpy(into.data(), bytes.data(), bytes.size());
    session->received(bytes.size());
  }
  /// The client takes up to `most` bytes of what is to be sent.
  void take_output(std::size_t most = std::string::npos) {
    std::size_t taken = 0;
    for (const auto& part : session->output().unsent()) {
      const std::size_t size = std::min(part.size(), most - taken);
      sent.append(static_cast<const char*>(part.data()), size);
      taken += size;
    }
    session->output().sent(taken);
  }
  /// Sends whatever is to be sent, until something else is needed.
  Need go_on() {
    while (true) {
      const Need need = session->advance();
      if (need != Need::write && need != Need::flush) return need;
      take_output();
    }
  }
  Need receive_and_go_on(std::string_view bytes) {
    receive(bytes);
    return go_on();
  }
  static http::Answer answer_of(std::string content) {
    http::Answer answer;
    answer.notes.route = "a-route";
    answer.body = caching::share_body(std::move(content));
    return answer;
  }
  /// One whose content comes in pieces, from the test.
  static http::Answer answer_in_pieces(std::optional<std::uint64_t> length = std::nullopt) {
    class Nothing final : public http::ContentSource {
      asio::awaitable<Result<std::optional<http::ContentPiece>>> next() override {
        co_return std::optional<http::ContentPiece>();
      }
    };
    http::Answer answer;
    answer.notes.route = "a-route";
    answer.content = std::make_shared<Nothing>();
    answer.content_length = length;
    return answer;
  }
  void give_piece(std::string bytes) {
    const auto owner = std::make_shared<const std::string>(std::move(bytes));
    session->got_piece(http::ContentPiece{owner, *owner});
  }
  static std::string get(const std::string& target, const std::string& more = "",
                         const std::string& version = "1.1") {
    return "GET " + target + " HTTP/" + version + "\r\nHost: a\r\n" + more + "\r\n";
  }
  static std::string post(const std::string& target, const std::string& fields, const std::string& content) {
    return "POST " + target + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" + content;
  }
  [[nodiscard]] bool has(std::string_view text) const { return sent.find(text) != std::string::npos; }
  [[nodiscard]] SteadyTime now() const { return clock.steady_now(); }

  Limits limits;
  FakeClock clock;
  SessionHandler handler;
  ContextPool contexts{limits};
  std::optional<Session> session;
  std::string sent;
};

}  // namespace roktcached::session
