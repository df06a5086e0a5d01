#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <string_view>
#include <thread>
#include <utility>

namespace roktcached {

/// Logs what has escaped from something that nobody waits for. Takes no memory, and throws nothing: memory
/// that fails is what escapes most.
/// @param what     what was being done; a string literal
/// @param failure  null: nothing has escaped, and nothing is logged
void log_failure(std::string_view what, const std::exception_ptr& failure) noexcept;

/// The completion handler of every coroutine that is spawned and not awaited: what escapes it is a bug, or
/// memory that has failed, and is logged.
/// @param what  what the coroutine was doing; a string literal
[[nodiscard]] inline auto logging_failure(std::string_view what) {
  return [what](const std::exception_ptr& failure) noexcept { log_failure(what, failure); };
}

/// The context whose executor it is; null if it is no io_context's.
[[nodiscard]] boost::asio::io_context* context_of(const boost::asio::any_io_executor& executor);

/// Whether this thread runs what is given to `executor`, an io_context's; false if that cannot be told.
[[nodiscard]] bool runs_here(const boost::asio::any_io_executor& executor);

/// The completion handler of a coroutine whose end must not be missed. If there is no memory for an operation
/// that a coroutine wants to await, Asio never resumes the coroutine, and destroys it together with its
/// handler. So this handler counts its own destruction as the end, unless the context itself is being
/// destroyed.
template <class Ended>
class EndHandler {
 public:
  /// @param context  may be null: its destruction counts for nothing then
  EndHandler(boost::asio::io_context* context, std::string_view what, Ended ended)
      : context_(context), what_(what), ended_(std::move(ended)) {}
  EndHandler(EndHandler&& other) noexcept
      : context_(other.context_),
        what_(other.what_),
        ended_(std::move(other.ended_)),
        pending_(std::exchange(other.pending_, false)) {}
  EndHandler& operator=(EndHandler&&) = delete;
  ~EndHandler() {
    const bool here = pending_ && context_ != nullptr && context_->get_executor().running_in_this_thread();
    if (here) end(true);
  }

  void operator()(const std::exception_ptr& failure) noexcept {
    log_failure(what_, failure);
    end(failure != nullptr);
  }

 private:
  void end(bool failed) noexcept {
    pending_ = false;
    try {
      ended_(failed);
    } catch (...) {
      log_failure(what_, std::current_exception());
    }
  }

  boost::asio::io_context* context_;  // an executor would cost more each time Asio moves this
  std::string_view what_;
  Ended ended_;
  bool pending_ = true;
};

/// Begins a coroutine whose end must not be missed. Called on its executor.
/// @param executor   an io_context's
/// @param coroutine  one, or a function that makes it: to make one takes memory, which may fail. It is moved
///                   without throwing
/// @param what       what the coroutine does; a string literal
/// @param ended      called once, with whether the coroutine has failed: on the executor, and before this
///                   returns where it could not be begun. It is moved without throwing
template <class Coroutine, class Ended>
void spawn_watched(const boost::asio::any_io_executor& executor, Coroutine coroutine, std::string_view what,
                   Ended ended) noexcept {
  try {
    boost::asio::co_spawn(executor, std::move(coroutine),
                          EndHandler<Ended>(context_of(executor), what, std::move(ended)));
  } catch (...) {  // its handler has been destroyed, or will be
    log_failure(what, std::current_exception());
  }
}

/// How long to wait for others to let go of memory.
inline constexpr std::chrono::milliseconds pause_without_memory{5};

/// Does what must not fail, again and again until it does not throw. For the few actions without which a
/// thread would serve nobody any more.
/// @param what  as for log_failure
template <class Action>
void retry_until_done(std::string_view what, const Action& action) noexcept {
  while (true) {
    try {
      action();
      return;
    } catch (...) {
      log_failure(what, std::current_exception());
      std::this_thread::sleep_for(pause_without_memory);
    }
  }
}

/// Posts from a place where nothing may throw, such as a destructor.
/// @param target  an executor, or a context
/// @param action  copied, in case memory fails
template <class Target, class Action>
void post_with_retry(Target&& target, const Action& action) noexcept {
  retry_until_done("posting", [&] { boost::asio::post(target, action); });
}

/// The root of a thread that runs a context: a handler that throws loses what it was doing, and the thread
/// goes on with the next. Returns when the context has nothing to do any more, or is stopped.
/// @param what        what the thread does; a string literal
/// @param on_failure  sets up again what may have been lost; called until it does not throw. May be null
void run_context(boost::asio::io_context& context, std::string_view what,
                 const std::function<void()>& on_failure = nullptr) noexcept;
/// The same, for `duration` at the most.
void run_context_for(boost::asio::io_context& context, std::chrono::milliseconds duration,
                     std::string_view what) noexcept;

}  // namespace roktcached
