#include "server/background.h"

#include <gtest/gtest.h>

#include <boost/asio/async_result.hpp>
#include <boost/asio/steady_timer.hpp>
#include <new>
#include <optional>
#include <vector>

#include "server/asio.h"
#include "server/worker_pool.h"

namespace roktcached {
namespace {

/// Awaits an operation that cannot be begun for want of memory.
asio::awaitable<void> await_without_memory() {
  const auto begin = [](auto) { throw std::bad_alloc(); };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(begin, asio::use_awaitable);
}

asio::awaitable<void> throw_in_coroutine() {
  throw std::bad_alloc();
  co_return;
}

asio::awaitable<void> do_nothing() {
  co_return;
}

asio::awaitable<void> wait_for_ever(asio::io_context& context) {
  asio::steady_timer timer(context, std::chrono::hours{1});
  co_await timer.async_wait(as_result);
}

/// The arguments of `ended` when the coroutine is spawned on the context's own thread.
std::vector<bool> ends_of(asio::awaitable<void> (*coroutine)()) {
  asio::io_context context{1};
  std::vector<bool> ends;
  asio::post(context, [&] {
    spawn_watched(context.get_executor(), coroutine(), "testing",
                  [&](bool failed) { ends.push_back(failed); });
  });
  run_context(context, "testing");
  return ends;
}

TEST(Background, AThreadGoesOnWithTheNextHandlerWhereOneThrows) {
  asio::io_context context{1};
  int done = 0;
  asio::post(context, [] { throw std::bad_alloc(); });
  asio::post(context, [&] { ++done; });
  asio::post(context, [] { throw 1; });
  asio::post(context, [&] { ++done; });
  int set_up_again = 0;
  run_context(context, "testing", [&] {
    if (++set_up_again == 1) throw std::bad_alloc();  // and is called again
  });
  EXPECT_EQ(done, 2);
  EXPECT_EQ(set_up_again, 3);
}

TEST(Background, TheEndOfACoroutineIsToldOnceWhicheverWayItEnds) {
  EXPECT_EQ(ends_of(do_nothing), std::vector{false});
  EXPECT_EQ(ends_of(throw_in_coroutine), std::vector{true});
  EXPECT_EQ(ends_of(await_without_memory), std::vector{true}) << "Asio destroys it";
}

TEST(Background, ACoroutineThatCannotBeMadeHasEndedToo) {
  std::vector<bool> ends;
  asio::io_context context{1};
  asio::post(context, [&] {
    const auto make = []() -> asio::awaitable<void> { throw std::bad_alloc(); };
    spawn_watched(context.get_executor(), make, "testing", [&](bool failed) { ends.push_back(failed); });
  });
  context.run();
  EXPECT_EQ(ends, std::vector{true});
}

TEST(Background, AContextThatIsDestroyedEndsNoCoroutine) {
  int ends = 0;
  {
    asio::io_context context{1};
    asio::post(context, [&] {
      spawn_watched(context.get_executor(), wait_for_ever(context), "testing", [&](bool) { ++ends; });
    });
    context.poll();
  }
  EXPECT_EQ(ends, 0) << "what it would tell may have gone before";
}

TEST(Background, WhatEndsMayThrow) {
  asio::io_context context{1};
  asio::post(context, [&] {
    spawn_watched(context.get_executor(), do_nothing(), "testing", [](bool) { throw std::bad_alloc(); });
  });
  bool goes_on = false;
  asio::post(context, [&] { goes_on = true; });
  run_context(context, "testing");
  EXPECT_TRUE(goes_on);
}

TEST(Background, WhatMustNotFailIsTriedAgain) {
  int tries = 0;
  retry_until_done("testing", [&] {
    if (++tries < 3) throw std::bad_alloc();
  });
  EXPECT_EQ(tries, 3);
}

TEST(Background, AWorkerGoesOnWhereItsWorkThrows) {
  WorkerPool pool(1, "testing");
  int done = 0;
  asio::post(pool.executor(), [] { throw std::bad_alloc(); });
  asio::post(pool.executor(), [&] { ++done; });
  pool.join();
  EXPECT_EQ(done, 1) << "join() waits for all that was posted";
  pool.join();
}

}  // namespace
}  // namespace roktcached
