#include "server/worker_pool.h"

#include "server/background.h"

namespace roktcached {

WorkerPool::WorkerPool(std::size_t threads, std::string_view what)
    : context_(static_cast<int>(threads)), work_(context_.get_executor()) {
  threads_.reserve(threads);
  try {
    for (std::size_t i = 0; i < threads; ++i)
      threads_.emplace_back([this, what] { run_context(context_, what); });
  } catch (...) {  // no more threads are to be had; those there are must end first
    context_.stop();
    join();
    throw;
  }
}

WorkerPool::~WorkerPool() {
  context_.stop();
  join();
}

void WorkerPool::join() {
  work_.reset();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

}  // namespace roktcached
