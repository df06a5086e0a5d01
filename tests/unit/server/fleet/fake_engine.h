#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/asio.h"
#include "server/fleet/crew.h"
#include "server/fleet/engine.h"

namespace roktcached::fleet {

inline EngineReply text_reply(std::string text) {
  EngineReply reply;
  reply.kind = EngineReply::Kind::text;
  reply.text = std::move(text);
  return reply;
}

inline EngineReply number_reply(std::int64_t number) {
  EngineReply reply;
  reply.kind = EngineReply::Kind::integer;
  reply.integer = number;
  return reply;
}

inline EngineReply list_reply(std::vector<EngineReply> items) {
  EngineReply reply;
  reply.kind = EngineReply::Kind::list;
  reply.items = std::move(items);
  return reply;
}

/// A list of texts.
template <class... Texts>
EngineReply texts_reply(Texts&&... texts) {
  std::vector<EngineReply> items;
  (items.push_back(text_reply(std::string(std::forward<Texts>(texts)))), ...);
  return list_reply(std::move(items));
}

/// An engine that answers when the test says so: a command waits for that, unless there is an answer to all
/// of its kind.
class FakeEngine final : public Engine {
 public:
  struct Command {
    Command(const asio::any_io_executor& executor, std::string its_name)
        : name(std::move(its_name)), answered(executor, SteadyTime::max()) {}
    const std::string name;  // of a script, or the verb
    Words keys;              // of a script
    Words arguments;         // of a script, or the words behind the verb
    std::optional<Result<EngineReply>> reply;
    asio::steady_timer answered;
  };
  using CommandPtr = std::shared_ptr<Command>;
  /// @return empty: it waits all the same
  using Answer = std::function<std::optional<EngineReply>(const Command&)>;

  explicit FakeEngine(asio::io_context& context) : executor_(context.get_executor()) {}

  [[nodiscard]] bool together() const override { return is_together; }
  [[nodiscard]] bool usable() const override { return is_together && !is_doubtful; }
  [[nodiscard]] asio::awaitable<void> settle() override {
    ++settled;
    co_return;
  }
  [[nodiscard]] asio::awaitable<Result<EngineReply>> run(const Script& script, Words keys,
                                                         Words arguments) override {
    return answer_to(std::string(script.name), std::move(keys), std::move(arguments));
  }
  [[nodiscard]] asio::awaitable<Result<EngineReply>> run_bulk(const Script& script, Words keys,
                                                              Words arguments) override {
    return answer_to(std::string(script.name), std::move(keys), std::move(arguments));
  }
  [[nodiscard]] asio::awaitable<Result<EngineReply>> read_bulk(Words words) override {
    return answer_to(words.front(), {}, {words.begin() + 1, words.end()});
  }
  [[nodiscard]] asio::awaitable<Result<EngineReply>> follow(Words words, std::chrono::milliseconds) override {
    return answer_to(words.front(), {}, {words.begin() + 1, words.end()});
  }
  void lose(std::string why) override {
    lost = std::move(why);
    is_together = false;
  }
  [[nodiscard]] std::chrono::milliseconds control_timeout() const override {
    return std::chrono::milliseconds{250};
  }

  /// All commands of this kind from now on are answered at once.
  void answer(const std::string& name, Answer with) { answers_[name] = std::move(with); }
  void answer(const std::string& name, const EngineReply& with) {
    answers_[name] = [with](const Command&) { return with; };
  }
  /// They wait again.
  void wait_for_test(const std::string& name) { answers_.erase(name); }

  /// Those that have come and wait.
  [[nodiscard]] std::vector<CommandPtr> waiting(const std::string& name) const {
    std::vector<CommandPtr> found;
    for (const CommandPtr& command : commands_) {
      if (command->name == name && !command->reply) found.push_back(command);
    }
    return found;
  }
  /// All that have come, in their order.
  [[nodiscard]] std::vector<CommandPtr> heard(const std::string& name) const {
    std::vector<CommandPtr> found;
    for (const CommandPtr& command : commands_) {
      if (command->name == name) found.push_back(command);
    }
    return found;
  }
  [[nodiscard]] std::size_t count(const std::string& name) const {
    const auto found = counts_.find(name);
    return found == counts_.end() ? 0 : found->second;
  }
  /// Answers the oldest one that waits.
  void reply(const std::string& name, Result<EngineReply> with) {
    const auto found = waiting(name);
    ASSERT_FALSE(found.empty()) << "nobody has asked: " << name;
    found.front()->reply = std::move(with);
    found.front()->answered.cancel();
  }
  void fail(const std::string& name, ErrorCode code = ErrorCode::unavailable) {
    reply(name, Result<EngineReply>(error_of(code)));
  }
  /// The link is gone: all that wait are answered so.
  void go_away() {
    is_together = false;
    for (const CommandPtr& command : commands_) {
      if (command->reply) continue;
      command->reply = Result<EngineReply>(error_of(ErrorCode::unavailable));
      command->answered.cancel();
    }
  }

  bool is_together = true;
  bool is_doubtful = false;
  bool is_linking = false;  // commands are taken, as while it is greeted
  int settled = 0;
  std::string lost;

 private:
  static constexpr std::size_t most_kept = 100;

  static Error error_of(ErrorCode code) { return {code, true, "the engine is away"}; }

  asio::awaitable<Result<EngineReply>> answer_to(std::string name, Words keys, Words arguments) {
    if (!usable() && !is_linking) co_return error_of(ErrorCode::unavailable);
    const auto command = std::make_shared<Command>(executor_, std::move(name));
    command->keys = std::move(keys);
    command->arguments = std::move(arguments);
    commands_.push_back(command);
    ++counts_[command->name];
    if (commands_.size() > most_kept && commands_.front()->reply) commands_.pop_front();
    const auto known = answers_.find(command->name);
    if (known != answers_.end()) {
      auto at_once = known->second(*command);
      if (at_once) command->reply = Result<EngineReply>(std::move(*at_once));
    }
    while (!command->reply) co_await command->answered.async_wait(as_result);
    co_return *command->reply;
  }

  asio::any_io_executor executor_;
  std::deque<CommandPtr> commands_;
  std::map<std::string, std::size_t> counts_;
  std::map<std::string, Answer> answers_;
};

inline config::Credential credential_of_tests() {
  config::Credential credential;
  credential.name = "emea";
  credential.app_id = config::Secret("an-app");
  credential.app_secret = config::Secret("a-secret");
  return credential;
}

/// Does all that waits for nothing. No time passes: the clocks of these tests are an hour ahead or behind, so
/// that a timer never goes off, or at once.
inline void run_what_can(asio::io_context& context) {
  context.restart();
  context.poll();
}

}  // namespace roktcached::fleet
