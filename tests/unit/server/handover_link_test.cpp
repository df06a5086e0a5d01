#include "server/handover_link.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <latch>
#include <thread>
#include <utility>
#include <variant>

#include "server/asio.h"

namespace roktcached {
namespace {

std::pair<Descriptor, Descriptor> connected() {
  int both[2] = {-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both), 0);
  return {Descriptor(both[0]), Descriptor(both[1])};
}

/// A process: its main thread, and its end of the connection.
class LinkedProcess {
 public:
  explicit LinkedProcess(std::function<Result<std::uint64_t>(const caching::Purge&)> purge = nullptr)
      : link_(context_.get_executor(), {std::move(purge),
                                        [this](std::vector<caching::Key> targets, std::string route) {
                                          return end(std::move(targets), std::move(route));
                                        }}),
        thread_([this] { context_.run(); }) {}
  ~LinkedProcess() {
    run([this] { link_.close(); });
    link_.join();
    work_.reset();
    thread_.join();
  }
  LinkedProcess(const LinkedProcess&) = delete;
  LinkedProcess& operator=(const LinkedProcess&) = delete;

  void open(Descriptor connection, HandoverLink::Opening how = {}) {
    run([&] { link_.open(std::move(connection), how); });
  }
  void release(std::string_view first) {
    run([&] { link_.release(first); });
  }
  HandoverLink& link() { return link_; }
  asio::io_context& context() { return context_; }
  /// What it was told to end.
  std::vector<std::string> ended() {
    std::vector<std::string> read;
    run([&] { read = ended_; });
    return read;
  }
  bool is_busy() {
    bool read = false;
    run([&] { read = link_.is_busy(); });
    return read;
  }

 private:
  asio::awaitable<void> end(std::vector<caching::Key> targets, std::string route) {
    for (const auto& target : targets) ended_.push_back(route + " " + std::string(target.text()));
    co_return;
  }
  /// On its main thread.
  template <class Action>
  void run(Action action) {
    std::promise<void> done;
    asio::post(context_, [&] {
      action();
      done.set_value();
    });
    done.get_future().get();
  }

  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  std::vector<std::string> ended_;
  HandoverLink link_;
  std::thread thread_;
};

const caching::Purge everything{};

TEST(HandoverLinkTest, APurgeIsDoneByTheOtherProcessWhenItReturns) {
  std::string selected;
  auto kind = caching::PurgeKind::hard;
  LinkedProcess former([&](const caching::Purge& purge) -> Result<std::uint64_t> {
    selected = std::get<caching::OfAccount>(purge.selection).account_id;
    kind = purge.kind;
    return 7;
  });
  LinkedProcess next;
  auto [one, other] = connected();
  former.open(std::move(one));
  next.open(std::move(other));
  const auto purged = next.link().purge({caching::OfAccount{"12", {}}, caching::PurgeKind::soft});
  ASSERT_TRUE(purged);
  EXPECT_EQ(*purged, std::optional<std::uint64_t>(7));
  EXPECT_EQ(selected, "12");
  EXPECT_EQ(kind, caching::PurgeKind::soft);
}

TEST(HandoverLinkTest, WithoutAnotherProcessNobodyIsTold) {
  LinkedProcess alone;
  EXPECT_FALSE(alone.link().is_open());
  EXPECT_EQ(alone.link().purge(everything).value(), std::nullopt);
}

TEST(HandoverLinkTest, AFailureOfTheOtherProcessIsOneHere) {
  LinkedProcess former([](const caching::Purge&) -> Result<std::uint64_t> {
    return Error{ErrorCode::storage_locked, true, "it is locked"};
  });
  LinkedProcess next;
  auto [one, other] = connected();
  former.open(std::move(one));
  next.open(std::move(other));
  const auto purged = next.link().purge(everything);
  ASSERT_FALSE(purged);
  EXPECT_EQ(purged.error().code, ErrorCode::storage_unavailable);
  EXPECT_NE(purged.error().context.find("it is locked"), std::string::npos) << purged.error().context;
}

TEST(HandoverLinkTest, TheEndOfTheOtherProcessEndsTheWaitingForIt) {
  LinkedProcess next;
  auto [one, other] = connected();
  next.open(std::move(other));
  std::thread former([&connection = one] {  // ends once it was asked
    char said = 0;
    (void)!::recv(connection.get(), &said, 1, 0);
    connection.close();
  });
  EXPECT_EQ(next.link().purge(everything).value(), std::nullopt);
  former.join();
  EXPECT_FALSE(next.link().is_open());
}

TEST(HandoverLinkTest, AProcessIsBusyUntilItHasAnsweredThePurgeThatItWasToldOf) {
  std::promise<void> begun;
  std::promise<void> may_end;
  LinkedProcess former([&](const caching::Purge&) -> Result<std::uint64_t> {
    begun.set_value();
    may_end.get_future().wait();
    return 3;
  });
  LinkedProcess next;
  auto [one, other] = connected();
  former.open(std::move(one));
  next.open(std::move(other));
  EXPECT_FALSE(former.is_busy());
  auto purged = std::async(std::launch::async, [&] { return next.link().purge(everything); });
  begun.get_future().wait();
  EXPECT_TRUE(former.is_busy());
  may_end.set_value();
  EXPECT_EQ(purged.get().value(), std::optional<std::uint64_t>(3));
  while (former.is_busy()) std::this_thread::yield();
  EXPECT_FALSE(next.is_busy());
}

/// The octets by which a process has the other one purge everything.
std::string message_of_purge() {
  LinkedProcess next;
  auto [one, other] = connected();
  next.open(std::move(other));
  auto purged = std::async(std::launch::async, [&] { return next.link().purge(everything); });
  std::array<char, 1024> message{};
  const auto size = ::recv(one.get(), message.data(), message.size(), 0);
  one.close();
  EXPECT_TRUE(purged.get());
  return {message.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

TEST(HandoverLinkTest, WhatIsDoneIsAnsweredWheneverTheProcessEnds) {
  const std::string message = message_of_purge();
  int rounds_with_purge = 0;
  for (int steps_before_end = 0; steps_before_end < 12; ++steps_before_end) {
    asio::io_context context{1};
    std::atomic<bool> done{false};
    const auto purge = [&](const caching::Purge&) -> Result<std::uint64_t> {
      done = true;
      return 1;
    };
    HandoverLink link(context.get_executor(), {.purge = purge, .end = nullptr});
    auto [one, other] = connected();
    ASSERT_EQ(::send(other.get(), message.data(), message.size(), 0), static_cast<ssize_t>(message.size()));
    link.open(std::move(one));
    int steps = steps_before_end;
    const std::function<void()> step = [&] {
      if (steps-- > 0 || link.is_busy()) return asio::post(context, step);
      link.close();
    };
    asio::post(context, step);
    context.run();
    link.join();
    char answer = 0;
    EXPECT_EQ(::recv(other.get(), &answer, 1, 0) > 0, done) << "ended after " << steps_before_end << " steps";
    rounds_with_purge += done ? 1 : 0;
  }
  EXPECT_GT(rounds_with_purge, 0);
}

TEST(HandoverLinkTest, BothMayPurgeAtOnce) {
  std::latch both_purge{2};
  const auto purge = [&](const caching::Purge&) -> Result<std::uint64_t> {
    both_purge.arrive_and_wait();
    return 1;
  };
  LinkedProcess former(purge);
  LinkedProcess next(purge);
  auto [one, other] = connected();
  former.open(std::move(one));
  next.open(std::move(other));
  auto by_former = std::async(std::launch::async, [&] { return former.link().purge(everything); });
  EXPECT_EQ(next.link().purge(everything).value(), std::optional<std::uint64_t>(1));
  EXPECT_EQ(by_former.get().value(), std::optional<std::uint64_t>(1));
}

TEST(HandoverLinkTest, WhatAWriteEndsHasEndedInTheOtherProcessWhenTheWriteIsAnswered) {
  LinkedProcess former;
  LinkedProcess next;
  auto [one, other] = connected();
  former.open(std::move(one));
  next.open(std::move(other));
  std::vector<caching::Key> targets{caching::Key("default GET /files/x"), caching::Key("other GET /files/x")};
  asio::co_spawn(former.context(), former.link().end(std::move(targets), "files"), asio::use_future).get();
  EXPECT_EQ(next.ended(),
            (std::vector<std::string>{"files default GET /files/x", "files other GET /files/x"}));
}

TEST(HandoverLinkTest, WhatIsNoMessageEndsTheLink) {
  for (const std::string_view octets :
       {std::string_view("\xff\xff\xff\xff", 4), std::string_view("\0\0\0\3h1x", 7)}) {
    LinkedProcess next;
    auto [one, other] = connected();
    next.open(std::move(other));
    ASSERT_EQ(::send(one.get(), octets.data(), octets.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(octets.size()));
    char said = 0;
    EXPECT_EQ(::recv(one.get(), &said, 1, 0), 0) << "it closes the connection";
  }
}

TEST(HandoverLinkTest, WhatGoesFirstIsNoMessage) {
  LinkedProcess former;
  auto [one, other] = connected();
  former.open(std::move(one), {.is_held = true});
  former.release("k");
  char said = 0;
  EXPECT_EQ(::recv(other.get(), &said, 1, 0), 1);
  EXPECT_EQ(said, 'k');
}

TEST(HandoverLinkTest, WhatIsToldOfALinkThatIsHeldGoesOutBehindWhatGoesFirst) {
  LinkedProcess former;
  LinkedProcess next([](const caching::Purge&) { return std::uint64_t{3}; });
  auto [one, other] = connected();
  former.open(std::move(one), {.is_held = true});
  auto purged = std::async(std::launch::async, [&] { return former.link().purge(everything); });
  EXPECT_TRUE(former.is_busy()) << "the next process still has to hear something";
  next.open(std::move(other), {.awaited = 'k'});
  former.release("k");
  EXPECT_EQ(purged.get().value(), std::optional<std::uint64_t>(3));
}

TEST(HandoverLinkTest, AnotherOctetThanTheOneThatIsAwaitedEndsTheLink) {
  LinkedProcess next;
  auto [one, other] = connected();
  next.open(std::move(other), {.awaited = 'k'});
  ASSERT_EQ(::send(one.get(), "x", 1, MSG_NOSIGNAL), 1);
  char said = 0;
  EXPECT_EQ(::recv(one.get(), &said, 1, 0), 0);
}

}  // namespace
}  // namespace roktcached
