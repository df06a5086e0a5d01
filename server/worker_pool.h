#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstddef>
#include <exception>
#include <memory>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "server/asio.h"
#include "server/background.h"

namespace roktcached {

/// Threads for what takes long or waits for a disk. Unlike asio::thread_pool, whose threads end the process
/// where a handler throws, these go on with the next (see run_context). Safe from any thread, but for join().
class WorkerPool {
 public:
  /// @param what  what the threads do, for the log; a string literal
  WorkerPool(std::size_t threads, std::string_view what);
  /// Work that has not begun is dropped.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  using Executor = boost::asio::io_context::executor_type;
  [[nodiscard]] Executor executor() { return context_.get_executor(); }

  /// Finishes all that was posted, then ends the threads.
  void join();

 private:
  boost::asio::io_context context_;
  boost::asio::executor_work_guard<Executor> work_;
  std::vector<std::thread> threads_;
};

/// The size from which content is compressed, inflated and compared on another thread. It takes longer than
/// to change threads twice, and all others that this thread serves would wait for it.
inline constexpr std::size_t worth_another_thread = std::size_t{16} << 10;
/// The same for content under a coding: it may become a thousand times as large.
inline constexpr std::size_t worth_another_thread_coded = std::size_t{2} << 10;

/// Does `work` on another executor and resumes on the caller's. `work` may refer to the caller's objects,
/// since the caller waits; an exception of `work` is thrown here.
///
/// The way back does not fail for want of memory: a caller that could not be resumed would be destroyed on
/// the other thread, together with whatever it owes.
template <class Work>
[[nodiscard]] asio::awaitable<void> run_on(asio::any_io_executor executor, Work work) {
  const auto begin = [](auto caller, const asio::any_io_executor& there, Work to_do) {
    struct Job {
      Job(decltype(caller) resumed, Work its_work)
          : waiting(std::move(resumed)), work(std::move(its_work)), back(asio::make_work_guard(waiting)) {}
      decltype(caller) waiting;
      Work work;
      asio::executor_work_guard<asio::associated_executor_t<decltype(caller)>> back;
      std::exception_ptr failure;
    };
    const auto job = std::make_shared<Job>(std::move(caller), std::move(to_do));
    asio::post(there, [job] {
      try {
        job->work();
      } catch (...) {
        job->failure = std::current_exception();
      }
      post_with_retry(job->back.get_executor(), [job] {
        job->back.reset();
        std::move(job->waiting)(job->failure);
      });
    });
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr)>(
      begin, asio::use_awaitable, executor, std::move(work));
}

}  // namespace roktcached
