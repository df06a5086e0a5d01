#include "server/fleet/engine_client.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <random>
#include <utility>

#include "server/asio.h"
#include "server/background.h"
#include "server/log_event.h"

namespace roktcached::fleet {

using std::chrono::milliseconds;

namespace {

constexpr milliseconds longest_connect{2000};
constexpr milliseconds longest_bulk{2000};
constexpr milliseconds until_next_attempt{1000};
constexpr std::size_t largest_control_reply = std::size_t{4} << 20;
constexpr std::size_t largest_log_reply = std::size_t{64} << 20;

std::string sha1_of(std::string_view text) {
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::string hex;
  for (const unsigned char octet : digest) hex += fmt::format("{:02x}", octet);
  return hex;
}

std::string command_of(std::string_view verb, std::string_view script, const Words& keys,
                       const Words& arguments) {
  const std::string count = std::to_string(keys.size());
  std::vector<std::string_view> words{verb, script, count};
  words.insert(words.end(), keys.begin(), keys.end());
  words.insert(words.end(), arguments.begin(), arguments.end());
  return engine_command(words);
}

/// Explains an error of an engine that an instance cannot work with.
std::string explained(const std::string& error) {
  if (error.starts_with("MOVED") || error.starts_with("ASK"))
    return "it is a node of a cluster, which is not spoken here: name one server (" + error + ")";
  if (error.starts_with("READONLY")) return "it is a replica: name the primary (" + error + ")";
  return error;
}

}  // namespace

EngineClient::EngineClient(asio::any_io_executor executor, config::Fleet settings, std::size_t max_reply,
                           const Clock& clock)
    : executor_(std::move(executor)),
      address_(std::move(settings)),
      max_reply_(max_reply),
      clock_(clock),
      pause_(executor_),
      settled_(executor_, SteadyTime::max()) {}

void EngineClient::start(Greet greet, std::function<void()> changed) {
  greet_ = std::move(greet);
  changed_ = std::move(changed);
  begin_linking();
}

void EngineClient::begin_linking() {
  constexpr std::string_view what = "linking with the fleet";
  const auto again = [this] {
    retry_until_done(what, [this] { lose("linking with it has failed here"); });
    if (!stopped_) begin_linking();
  };
  const auto at_end = [this, again](bool has_failed) {
    if (has_failed) post_with_retry(executor_, again);
  };
  retry_until_done(what, [&] { spawn_watched(executor_, keep_linked(), what, at_end); });
}

void EngineClient::stop() {
  stopped_ = true;
  lose("the proxy is stopping");
  pause_.cancel();
  settled_.cancel();
}

asio::awaitable<void> EngineClient::keep_linked() {
  std::minstd_rand random{std::random_device{}()};
  while (!stopped_) {
    auto linked = co_await connect();
    if (linked) {
      linking_ = true;
      const bool greeted = co_await greet_();
      linking_ = false;
      if (!greeted && control_->is_open()) lose("it has not been greeted");
      if (greeted && control_->is_open()) {
        ++counted_.connected;
        set_together(true);
        is_settled_ = true;
        settled_.cancel();
        pause_.expires_at(SteadyTime::max());
        while (together_ && !stopped_) co_await pause_.async_wait(as_result);
      }
    } else {
      lose(linked.error().context);
    }
    is_settled_ = true;
    settled_.cancel();
    if (stopped_) break;
    const double jitter = std::uniform_real_distribution<double>(0.8, 1.2)(random);
    pause_.expires_after(std::chrono::duration_cast<SteadyTime::duration>(
        std::chrono::duration<double, std::milli>(static_cast<double>(until_next_attempt.count()) * jitter)));
    co_await pause_.async_wait(as_result);
  }
}

asio::awaitable<Result<void>> EngineClient::connect() {
  control_ = std::make_shared<EngineConnection>(executor_, address_, largest_control_reply, clock_);
  bulk_ = std::make_shared<EngineConnection>(executor_, address_, max_reply_, clock_);
  log_ = std::make_shared<EngineConnection>(executor_, address_, largest_log_reply, clock_);
  const SteadyTime due =
      clock_.steady_now() + std::min(longest_connect, 4 * address_.settings.control_timeout);
  const std::array<Link, 3> links{control_, bulk_, log_};
  for (const Link& link : links) {
    const auto opened = co_await link->open(due);
    if (!opened) co_return opened.error();
  }
  co_return Result<void>();
}

void EngineClient::lose(std::string why) {
  for (const Link& link : {control_, bulk_, log_}) {
    if (link) link->close(why);
  }
  linking_ = doubtful_ = false;
  bulk_timeouts_ = 0;
  const bool is_news = why != counted_.trouble && !stopped_;
  counted_.trouble = std::move(why);
  set_together(false);
  if (!is_news) return;
  log_event(spdlog::level::warn, "fleet-alone", "fleet: alone, the engine {} cannot be reached: {}",
            address_.text, counted_.trouble)
      .with("engine", address_.text)
      .with("error", counted_.trouble)
      .log();
}

void EngineClient::set_together(bool together) {
  if (std::exchange(together_, together) == together) return;
  // Before anything else that may fail: without this call, others would go on as before.
  if (changed_) retry_until_done("telling of the fleet's engine", changed_);
  if (together) {
    counted_.trouble.clear();
    log_event(spdlog::level::info, "fleet-together", "fleet: together, by the engine {}", address_.text)
        .with("engine", address_.text)
        .log();
  } else {
    pause_.cancel();
  }
}

asio::awaitable<void> EngineClient::settle() {
  while (!is_settled_ && !stopped_) co_await settled_.async_wait(as_result);
}

asio::awaitable<Result<EngineReply>> EngineClient::run(const Script& script, Words keys, Words arguments) {
  if (!linking_ && !usable()) co_return engine_unavailable(counted_.trouble);
  auto reply = co_await run_on(control_, script, std::move(keys), std::move(arguments),
                               address_.settings.control_timeout);
  co_return judged(std::move(reply));
}

asio::awaitable<Result<EngineReply>> EngineClient::run_bulk(const Script& script, Words keys,
                                                            Words arguments) {
  if (!usable()) co_return engine_unavailable(counted_.trouble);
  auto reply = co_await run_on(bulk_, script, std::move(keys), std::move(arguments),
                               std::max(longest_bulk, address_.settings.control_timeout));
  co_return judged(std::move(reply));
}

asio::awaitable<Result<EngineReply>> EngineClient::read_bulk(Words words) {
  if (!usable()) co_return engine_unavailable(counted_.trouble);
  std::string command = engine_command({words.begin(), words.end()});
  auto reply =
      co_await timed(bulk_, std::move(command), std::max(longest_bulk, address_.settings.control_timeout));
  co_return judged(std::move(reply));
}

asio::awaitable<Result<EngineReply>> EngineClient::ask(Words words) {
  if (!usable()) co_return engine_unavailable(counted_.trouble);
  std::string command = engine_command({words.begin(), words.end()});
  co_return co_await timed(bulk_, std::move(command),
                           std::max(longest_bulk, address_.settings.control_timeout));
}

asio::awaitable<Result<EngineReply>> EngineClient::follow(Words words, milliseconds patience) {
  const Link link = log_;
  std::string command = engine_command({words.begin(), words.end()});
  auto reply = co_await link->call(std::move(command), clock_.steady_now() + patience);
  if (!reply && link == log_ && !stopped_) {
    ++(reply.error().code == ErrorCode::upstream_timeout ? counted_.timeouts : counted_.errors);
    lose(reply.error().context);
  }
  if (!reply || reply->kind != EngineReply::Kind::error) co_return reply;
  // Whatever the error is: an instance that does not follow the log is not together with the fleet.
  if (link == log_) lose(explained(reply->text));
  co_return engine_unavailable(reply->text);
}

/// The engine does not know the script yet, or no longer, so it was not run. Then it is sent whole.
asio::awaitable<Result<EngineReply>> EngineClient::run_on(Link link, const Script& script, Words keys,
                                                          Words arguments, milliseconds patience) {
  std::string& sha = shas_[script.name];
  if (sha.empty()) sha = sha1_of(script.text);
  auto reply = co_await timed(link, command_of("EVALSHA", sha, keys, arguments), patience);
  if (reply && reply->is_error("NOSCRIPT"))
    reply = co_await timed(link, command_of("EVAL", script.text, keys, arguments), patience);
  co_return reply;
}

asio::awaitable<Result<EngineReply>> EngineClient::timed(Link link, std::string command,
                                                         milliseconds patience) {
  const SteadyTime begun = clock_.steady_now();
  const SteadyTime due = begun + patience;
  // At half time a second command is sent, which only asks whether the engine is alive. So a caller of this
  // command does not wait longer because the engine is found dead only later.
  asio::steady_timer half(executor_, begun + patience / 2);
  half.async_wait([this, link, due](const boost::system::error_code& error) {
    if (!error && (link == control_ || link == bulk_)) doubt(due);
  });
  auto reply = co_await link->call(std::move(command), due);
  if (reply) {
    const auto took = clock_.steady_now() - begun;
    took_ms_[counted_.calls++ % latest] = std::chrono::duration<float, std::milli>(took).count();
    took_.observe(took);
    if (link == bulk_) bulk_timeouts_ = 0;
  } else if (link == bulk_ && reply.error().code == ErrorCode::upstream_timeout && ++bulk_timeouts_ > 1) {
    lose("it answers, but not to what is large");
  } else if (link == control_ || link == bulk_) {
    const bool late = reply.error().code == ErrorCode::upstream_timeout;
    if (!late) ++counted_.errors;
    late ? static_cast<void>(++counted_.timeouts) : lose(reply.error().context);
  }
  co_return reply;
}

Result<EngineReply> EngineClient::judged(Result<EngineReply> reply) {
  if (!reply || reply->kind != EngineReply::Kind::error) return reply;
  if (reply->is_error("OOM")) {
    ++counted_.refused;
    if (!std::exchange(warned_of_full_, true))
      log_event(spdlog::level::warn, "fleet-full",
                "fleet: the engine {} is full: answers are shared as they come, and not kept", address_.text)
          .with("engine", address_.text)
          .log();
    return Error{ErrorCode::storage_full, true, reply->text};
  }
  ++counted_.errors;
  std::string why = explained(reply->text);
  lose(why);
  return engine_unavailable(std::move(why));
}

void EngineClient::doubt(SteadyTime due) {
  if (!control_->is_open() || std::exchange(doubtful_, true)) return;
  asio::co_spawn(executor_, ask_whether_alive(due), logging_failure("asking whether the engine lives"));
}

asio::awaitable<void> EngineClient::ask_whether_alive(SteadyTime due) {
  const Link link = control_;
  std::string ping = engine_command({"PING"});
  const auto reply = co_await link->call(std::move(ping), due);
  if (link != control_) co_return;
  doubtful_ = false;
  if (!reply) lose(reply.error().context);
}

EngineStatus EngineClient::status() const {
  EngineStatus status = counted_;
  status.together = together_;
  status.took = took_.read();
  std::vector<float> took(
      took_ms_.begin(),
      took_ms_.begin() + static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(counted_.calls, latest)));
  std::ranges::sort(took);
  if (took.empty()) return status;
  status.typical_ms = static_cast<double>(took[took.size() / 2]);
  status.slow_ms = static_cast<double>(took[took.size() * 99 / 100]);
  return status;
}

}  // namespace roktcached::fleet
