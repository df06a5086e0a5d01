#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/caching/key.h"
#include "core/caching/selection.h"
#include "core/descriptor.h"
#include "core/error.h"
#include "server/worker_pool.h"

namespace roktcached {

/// The connection between two processes during a hand-over, from when the next one serves until the former
/// one ends. Both answer clients meanwhile, each from a memory of its own, so each tells the other what it
/// removes from its cache.
///
/// Belongs to the thread of its executor, but for what says otherwise. The end of the other process, or of
/// the connection, ends the link: nobody is there to be told then. Where memory fails in it, that is an end,
/// too.
class HandoverLink {
 public:
  /// What is done here when the other process has done it.
  struct Handler {
    /// On the link's own thread, where it may block. It must not wait for what the other process would have
    /// to be told over this link.
    std::function<Result<std::uint64_t>(const caching::Purge& purge)> purge;
    /// On the executor. @param route  whose targets they are
    std::function<boost::asio::awaitable<void>(std::vector<caching::Key> targets, std::string route)> end;
  };

  /// @param executor  of one thread
  HandoverLink(boost::asio::any_io_executor executor, Handler handler);
  ~HandoverLink();
  HandoverLink(const HandoverLink&) = delete;
  HandoverLink& operator=(const HandoverLink&) = delete;

  /// Begins. Once; also before the executor's context runs, on the thread that will run it.
  /// @param connection  to the other process
  /// @param first       octets that go before all messages
  void open(Descriptor connection, std::string first = {});
  /// Ends it: whoever waits for the other process waits no longer. What the other has asked for goes on.
  void close();
  /// After close(): waits for that.
  void join();

  /// Whether there is another process. From any thread.
  [[nodiscard]] bool is_open() const { return open_.load(std::memory_order_acquire); }

  /// Has the other process purge, and blocks until it has, for seconds at the most. From any thread but the
  /// link's own and the executor's.
  /// @return how many entries that were; nothing where there is no other process, or none any more;
  ///         storage_unavailable where it has failed, or has not answered in time
  [[nodiscard]] Result<std::optional<std::uint64_t>> purge(const caching::Purge& purge);

  /// Has the other process end what is stored for targets that a write has ended, and waits until it has, for
  /// a second at the most: it has been told then, all the same. From any thread; resumes on the caller's
  /// executor.
  [[nodiscard]] boost::asio::awaitable<void> end(std::vector<caching::Key> targets, std::string route);

 private:
  using Done = Result<std::optional<std::uint64_t>>;
  /// Whoever has told the other process something.
  struct Waiting {
    explicit Waiting(const boost::asio::any_io_executor& executor) : timer(executor) {}
    boost::asio::steady_timer timer;
    std::optional<Result<std::uint64_t>> answer;
  };

  boost::asio::awaitable<Done> tell(char what, std::string content, std::chrono::milliseconds patience);
  void send(std::uint64_t number, char what, std::string_view content);
  void begin_to_send();
  boost::asio::awaitable<void> send_all();
  boost::asio::awaitable<void> receive_all();
  [[nodiscard]] bool take(std::string_view message);
  void take_answer(std::uint64_t number, std::string_view content);
  boost::asio::awaitable<void> purge_as_told(std::uint64_t number, caching::Purge purge);
  boost::asio::awaitable<void> end_as_told(std::uint64_t number, std::string content);
  void answer(std::uint64_t number, const Result<std::uint64_t>& done);

  const boost::asio::any_io_executor executor_;
  const Handler handler_;
  boost::asio::local::stream_protocol::socket socket_;
  std::atomic<bool> open_{false};
  std::uint64_t last_number_ = 0;
  std::map<std::uint64_t, std::shared_ptr<Waiting>> waiting_;  // by the number of what they have told
  std::string unsent_;
  bool sending_ = false;
  std::optional<WorkerPool> purger_;  // once it is open
};

}  // namespace roktcached
