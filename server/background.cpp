#include "server/background.h"

#include <spdlog/spdlog.h>

#include <new>

namespace roktcached {

namespace {

/// Short enough for the buffers that a line is made in and queued with: longer ones take memory.
constexpr std::size_t max_reason = 120;

void log_caught(std::string_view what, std::string_view why) {
  spdlog::error("{} failed unexpectedly: {}", what, why.substr(0, max_reason));
}

}  // namespace

void log_failure(std::string_view what, const std::exception_ptr& failure) noexcept {
  if (!failure) return;
  try {
    try {
      std::rethrow_exception(failure);
    } catch (const std::bad_alloc&) {
      log_caught(what, "out of memory");
    } catch (const std::exception& exception) {
      log_caught(what, exception.what());
    } catch (...) {
      log_caught(what, "no exception that we know");
    }
  } catch (...) {
    // The logger counts what it loses, see server/logging.h. There is nobody else to be told.
  }
}

boost::asio::io_context* context_of(const boost::asio::any_io_executor& executor) {
  const auto* const own = executor.target<boost::asio::io_context::executor_type>();
  return own == nullptr ? nullptr : &own->context();
}

bool runs_here(const boost::asio::any_io_executor& executor) {
  boost::asio::io_context* const context = context_of(executor);
  return context != nullptr && context->get_executor().running_in_this_thread();
}

void run_context(boost::asio::io_context& context, std::string_view what,
                 const std::function<void()>& on_failure) noexcept {
  while (true) {
    try {
      context.run();
      return;
    } catch (...) {
      log_failure(what, std::current_exception());
    }
    if (on_failure) retry_until_done(what, on_failure);
  }
}

void run_context_for(boost::asio::io_context& context, std::chrono::milliseconds duration,
                     std::string_view what) noexcept {
  const auto until = std::chrono::steady_clock::now() + duration;
  while (std::chrono::steady_clock::now() < until) {
    try {
      context.run_until(until);
      return;
    } catch (...) {
      log_failure(what, std::current_exception());
    }
  }
}

}  // namespace roktcached
