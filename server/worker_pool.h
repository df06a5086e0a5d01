#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "server/asio.h"

namespace roktcached {

/// Threads for what takes long or waits for a disk. Unlike asio::thread_pool, whose threads end the process
/// where a handler throws, these go on with the next (see run_context). Safe from any thread, but for join().
class WorkerPool {
 public:
  /// @param what  what the threads do, for the log; a string literal
  WorkerPool(std::size_t threads, std::string_view what);
  /// Does not begin what has not begun.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  using Executor = boost::asio::io_context::executor_type;
  [[nodiscard]] Executor executor() { return context_.get_executor(); }

  /// Does all that has been posted, then ends the threads.
  void join();

 private:
  boost::asio::io_context context_;
  boost::asio::executor_work_guard<Executor> work_;
  std::vector<std::thread> threads_;
};

/// Content from this size on is compressed, inflated and compared elsewhere: that takes longer than to change
/// threads twice, and whoever else is served by this one would wait for it.
inline constexpr std::size_t worth_another_thread = std::size_t{16} << 10;
/// The same of content under a coding: it may become a thousand times as large.
inline constexpr std::size_t worth_another_thread_coded = std::size_t{2} << 10;

/// Does `work` on another executor and resumes on the caller's. `work` may refer to the caller's objects,
/// since the caller waits; an exception of `work` is thrown here.
template <class Work>
[[nodiscard]] asio::awaitable<void> run_on(asio::any_io_executor executor, Work work) {
  auto there = [](Work to_do) -> asio::awaitable<void> {
    to_do();
    co_return;
  };
  auto doing = there(std::move(work));
  co_await asio::co_spawn(executor, std::move(doing), asio::use_awaitable);
}

}  // namespace roktcached
