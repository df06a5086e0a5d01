#include "server/handover_link.h"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <utility>

#include "server/asio.h"
#include "server/background.h"
#include "server/fleet/serialization.h"
#include "server/fleet/shared_answer.h"
#include "server/log_event.h"

// On the wire: the length of a message, four octets with the highest first, and the message. That has a
// number, what it is, and a content. The answer to it has its number. Both processes number what they tell,
// each for itself.

namespace roktcached {

namespace {

constexpr char kind_of_message = 'h';
constexpr char kind_of_targets = 't';
constexpr char kind_of_answer = 'a';
constexpr char link_version = '1';

constexpr char tells_purge = 'p';
constexpr char tells_end = 'e';
constexpr char answers = 'a';

constexpr std::size_t length_size = 4;
/// A target has some KiB, and a write ends one for each credential.
constexpr std::size_t longest_message = std::size_t{16} << 20;
/// The bound on what the other process has not taken yet. If it hangs, it is told nothing more.
constexpr std::size_t most_unsent = std::size_t{32} << 20;
constexpr std::uint64_t most_targets = 100'000;
constexpr std::uint64_t any_number = ~std::uint64_t{0};

constexpr std::chrono::milliseconds longest_purge{5'000};
constexpr std::chrono::milliseconds longest_end{1'000};

Error not_confirmed(std::string why) {
  return {ErrorCode::storage_unavailable, true,
          "the process beside this one, in a hand-over, " + std::move(why)};
}

std::string written(const std::vector<caching::Key>& targets, const std::string& route) {
  fleet::Serializer out(kind_of_targets, link_version);
  out.text(route).number(targets.size());
  for (const caching::Key& target : targets) out.text(target.text());
  return out.take();
}

}  // namespace

HandoverLink::HandoverLink(asio::any_io_executor executor, Handler handler)
    : executor_(std::move(executor)), handler_(std::move(handler)), socket_(executor_) {}

HandoverLink::~HandoverLink() = default;

void HandoverLink::open(Descriptor connection, Opening how) {
  purger_.emplace(1, "purging as another process asks");
  boost::system::error_code error;
  socket_.assign(asio::local::stream_protocol(), connection.get(), error);
  if (error) return;
  static_cast<void>(connection.release());
  held_ = how.is_held;
  open_.store(true, std::memory_order_release);
  const auto at_end = [this](bool /*failed*/) { close(); };
  spawn_watched(executor_, receive_all(how.awaited), "listening to another process", at_end);
}

void HandoverLink::release(std::string_view first) {
  if (!is_open() || !std::exchange(held_, false)) return;
  unsent_.insert(0, first);
  begin_to_send();
}

void HandoverLink::close() {
  open_.store(false, std::memory_order_release);
  boost::system::error_code ignored;
  socket_.close(ignored);
  for (const auto& [number, waiting] : waiting_) waiting->timer.cancel();
}

void HandoverLink::join() {
  if (purger_) purger_->join();
}

Result<std::optional<std::uint64_t>> HandoverLink::purge(const caching::Purge& purge) {
  if (!is_open()) return std::optional<std::uint64_t>();
  constexpr std::chrono::seconds for_the_way{1};
  try {
    auto told =
        asio::co_spawn(executor_, tell(tells_purge, fleet::written(purge), longest_purge), asio::use_future);
    if (told.wait_for(longest_purge + for_the_way) == std::future_status::ready) return told.get();
  } catch (const std::exception&) {  // no memory, or the executor's context has ended
    return not_confirmed("could not be told");
  }
  return not_confirmed("could not be told in time");
}

asio::awaitable<void> HandoverLink::end(std::vector<caching::Key> targets, std::string route) {
  if (!is_open()) co_return;
  auto telling = tell(tells_end, written(targets, route), longest_end);
  const Done told = co_await asio::co_spawn(executor_, std::move(telling), asio::use_awaitable);
  if (!told)
    log_event(spdlog::level::warn, "handover-untold", "hand-over: a write: {}", told.error().context).log();
}

/// Whoever waits is found by its number, and not by where it waits: at the end of the process nobody comes
/// back.
asio::awaitable<HandoverLink::Done> HandoverLink::tell(char what, std::string content,
                                                       std::chrono::milliseconds patience) {
  if (!is_open()) co_return std::optional<std::uint64_t>();
  if (content.size() > longest_message / 2 || unsent_.size() > most_unsent)
    co_return not_confirmed("does not listen");
  const std::uint64_t number = ++last_number_;
  const auto waiting = std::make_shared<Waiting>(executor_);
  waiting_.emplace(number, waiting);
  waiting->timer.expires_after(patience);
  send(number, what, content);
  bool late = false;
  while (is_open() && !waiting->answer && !late) {
    const auto [error] = co_await waiting->timer.async_wait(as_result);
    late = !error;
  }
  waiting_.erase(number);
  if (waiting->answer && !*waiting->answer) co_return waiting->answer->error();
  if (waiting->answer) co_return std::optional<std::uint64_t>(**waiting->answer);
  if (!is_open()) co_return std::optional<std::uint64_t>();
  co_return not_confirmed("has not answered in time; it may still do it");
}

void HandoverLink::send(std::uint64_t number, char what, std::string_view content) {
  const std::string message = fleet::Serializer(kind_of_message, link_version)
                                  .number(number)
                                  .octet(static_cast<std::uint8_t>(what))
                                  .text(content)
                                  .take();
  for (std::size_t left = length_size; left > 0; --left)
    unsent_ += static_cast<char>(static_cast<unsigned char>(message.size() >> (8 * (left - 1))));
  unsent_ += message;
  begin_to_send();
}

void HandoverLink::begin_to_send() {
  if (held_ || sending_ || unsent_.empty()) return;
  auto sending = send_all();
  sending_ = true;  // first: it may begin at once
  spawn_watched(executor_, std::move(sending), "telling another process", [this](bool failed) {
    sending_ = false;
    failed ? close() : begin_to_send();  // of what has come since it looked last
  });
}

asio::awaitable<void> HandoverLink::send_all() {
  while (is_open() && !unsent_.empty()) {
    const std::string now = std::exchange(unsent_, {});
    const auto [error, size] = co_await asio::async_write(socket_, asio::buffer(now), as_result);
    if (error) close();
  }
}

asio::awaitable<void> HandoverLink::receive_all(char awaited) {
  if (awaited != 0) {
    char first = 0;
    const auto [failed, size] = co_await asio::async_read(socket_, asio::buffer(&first, 1), as_result);
    if (failed || first != awaited) co_return;
  }
  std::array<unsigned char, length_size> head{};
  std::string message;
  while (is_open()) {
    const auto [failed, size] = co_await asio::async_read(socket_, asio::buffer(head), as_result);
    if (failed) co_return;
    std::size_t length = 0;
    for (const unsigned char octet : head) length = length << 8U | octet;
    if (length > longest_message) co_return;
    message.resize(length);
    const auto [cut, read] = co_await asio::async_read(socket_, asio::buffer(message), as_result);
    if (cut || !is_open()) co_return;  // once it is closed nothing could be answered: better not done at all
    if (!take(message)) co_return;
  }
}

/// @return false if it cannot be read: another version of this program would be the reason
bool HandoverLink::take(std::string_view message) {
  fleet::Deserializer in(message, kind_of_message, link_version);
  const std::uint64_t number = in.number(any_number);
  const char what = static_cast<char>(in.octet());
  const std::string_view content = in.text();
  if (!in.complete()) return false;
  if (what == answers) {
    take_answer(number, content);
  } else if (what == tells_end) {
    begin_as_told(end_as_told(number, std::string(content)), "ending what another process has ended");
  } else if (what == tells_purge) {
    auto purge = fleet::read_purge(content);
    if (!purge) return false;
    begin_as_told(purge_as_told(number, std::move(*purge)), "purging as another process asks");
  }
  return true;
}

/// @param name  a string literal
void HandoverLink::begin_as_told(asio::awaitable<void> work, std::string_view name) {
  ++unanswered_;
  spawn_watched(executor_, std::move(work), name, [this](bool failed) {
    --unanswered_;
    if (failed) close();
  });
}

void HandoverLink::take_answer(std::uint64_t number, std::string_view content) {
  const auto found = waiting_.find(number);
  if (found == waiting_.end()) return;  // too late
  fleet::Deserializer in(content, kind_of_answer, link_version);
  const bool done = in.flag();
  const std::uint64_t count = in.number(any_number);
  const std::string why(in.text());
  found->second->answer =
      done && in.complete() ? Result<std::uint64_t>(count) : not_confirmed("failed: " + why);
  found->second->timer.cancel();
}

asio::awaitable<void> HandoverLink::purge_as_told(std::uint64_t number, caching::Purge purge) {
  Result<std::uint64_t> purged = std::uint64_t{0};
  const auto work = [&] { purged = handler_.purge(purge); };
  co_await run_on(purger_->executor(), work);
  answer(number, purged);
}

asio::awaitable<void> HandoverLink::end_as_told(std::uint64_t number, std::string content) {
  fleet::Deserializer in(content, kind_of_targets, link_version);
  std::string route(in.text());
  std::vector<caching::Key> targets;
  for (std::uint64_t left = in.number(most_targets); left > 0; --left) targets.emplace_back(in.text());
  if (!in.complete()) co_return answer(number, not_confirmed("has told what cannot be read"));
  const std::uint64_t count = targets.size();
  auto ending = handler_.end(std::move(targets), std::move(route));
  co_await std::move(ending);
  answer(number, count);
}

void HandoverLink::answer(std::uint64_t number, const Result<std::uint64_t>& done) {
  if (!is_open()) return;
  send(number, answers,
       fleet::Serializer(kind_of_answer, link_version)
           .flag(done.has_value())
           .number(done ? *done : 0)
           .text(done ? std::string_view() : std::string_view(done.error().context))
           .take());
}

}  // namespace roktcached
