#pragma once

#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/settings.h"
#include "server/asio.h"
#include "server/fleet/engine_reply.h"

namespace roktcached::fleet {

/// An engine on a Unix socket that says what the test says, on the test's own thread.
class ScriptedEngine {
 public:
  using Said = std::vector<std::string>;
  /// What is answered to the words that come on a connection, in octets; nothing: it is silent.
  using Answer = std::function<std::string(std::size_t connection, const Said& words)>;

  explicit ScriptedEngine(asio::io_context& context) : state_(std::make_shared<State>(context)) {
    char folder[] = "/tmp/roktcached-test-XXXXXX";
    folder_ = ::mkdtemp(folder);
    state_->acceptor.open();
    state_->acceptor.bind(path());
    state_->acceptor.listen();
    asio::co_spawn(context, accept(state_), asio::detached);
  }
  ~ScriptedEngine() {
    state_->acceptor.close();
    drop();
    ::unlink(path().c_str());
    ::rmdir(folder_.c_str());
  }
  ScriptedEngine(const ScriptedEngine&) = delete;
  ScriptedEngine& operator=(const ScriptedEngine&) = delete;

  [[nodiscard]] config::Fleet settings(std::chrono::milliseconds control_timeout) const {
    config::Fleet fleet;
    fleet.url = config::EngineUrl{config::EngineUrl::Kind::unix_socket, "", 0, path()};
    fleet.control_timeout = control_timeout;
    return fleet;
  }
  void answer_with(Answer answer) { state_->answer = std::move(answer); }
  /// Says something that nobody has asked for.
  void say(std::size_t connection, const std::string& text) {
    asio::write(*state_->sockets.at(connection), asio::buffer(text));
  }
  /// Closes all connections; new ones are taken.
  void drop() {
    boost::system::error_code ignored;
    for (const auto& socket : state_->sockets) socket->close(ignored);
  }
  [[nodiscard]] std::size_t connections() const { return state_->sockets.size(); }
  /// The commands that came, but for those of logging in; of one kind where `verb` says which.
  [[nodiscard]] std::vector<Said> heard(const std::string& verb = "") const {
    std::vector<Said> found;
    for (const Said& words : state_->heard) {
      if (words.front() != "CLIENT" && (verb.empty() || words.front() == verb)) found.push_back(words);
    }
    return found;
  }

 private:
  using Socket = asio::local::stream_protocol::socket;
  struct State {
    explicit State(asio::io_context& context) : acceptor(context) {}
    asio::local::stream_protocol::acceptor acceptor;
    std::vector<std::shared_ptr<Socket>> sockets;
    std::vector<Said> heard;
    Answer answer;
  };

  [[nodiscard]] std::string path() const { return folder_ + "/engine"; }

  static asio::awaitable<void> accept(std::shared_ptr<State> state) {
    while (true) {
      auto [error, socket] = co_await state->acceptor.async_accept(as_result);
      if (error) co_return;
      state->sockets.push_back(std::make_shared<Socket>(std::move(socket)));
      asio::co_spawn(state->acceptor.get_executor(), serve(state, state->sockets.size() - 1), asio::detached);
    }
  }
  static asio::awaitable<void> serve(std::shared_ptr<State> state, std::size_t connection) {
    const auto socket = state->sockets[connection];
    EngineReplies commands(std::size_t{1} << 24);
    std::vector<char> buffer(std::size_t{64} << 10);
    while (true) {
      const auto [error, size] = co_await socket->async_read_some(asio::buffer(buffer), as_result);
      if (error || !commands.feed({buffer.data(), size})) co_return;
      while (true) {
        const auto command = commands.next();
        if (!command || !*command) break;
        Said words;
        for (const EngineReply& word : (*command)->items) words.push_back(word.text);
        state->heard.push_back(words);
        const std::string text =
            words.front() == "CLIENT" || !state->answer ? "+OK\r\n" : state->answer(connection, words);
        co_await asio::async_write(*socket, asio::buffer(text), as_result);
      }
    }
  }

  std::string folder_;
  std::shared_ptr<State> state_;
};

}  // namespace roktcached::fleet
