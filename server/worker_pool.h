#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <string_view>
#include <thread>
#include <vector>

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

}  // namespace roktcached
