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
/// A link belongs to the thread of its executor; functions that may be called from other threads say so. The
/// end of the other process, or of the connection, ends the link: then nobody is there to be told. The link
/// also ends if memory fails in it.
class HandoverLink {
 public:
  /// The two functions that do here what the other process has done.
  struct Handler {
    /// Purges. It runs on the link's own thread, where it may block. It must not wait for anything that the
    /// other process would have to be told over this link.
    std::function<Result<std::uint64_t>(const caching::Purge& purge)> purge;
    /// Ends what is stored for targets of one route. It runs on the executor.
    std::function<boost::asio::awaitable<void>(std::vector<caching::Key> targets, std::string route)> end;
  };

  /// @param executor  of one thread
  HandoverLink(boost::asio::any_io_executor executor, Handler handler);
  ~HandoverLink();
  HandoverLink(const HandoverLink&) = delete;
  HandoverLink& operator=(const HandoverLink&) = delete;

  struct Opening {
    bool is_held = false;  ///< nothing is sent before release()
    char awaited = 0;      ///< an octet that comes before all messages; 0: none does
  };

  /// Opens the link; to be called once. It may be called before the executor's context runs, on the thread
  /// that will run it.
  /// @param connection  to the other process
  void open(Descriptor connection, Opening how);
  void open(Descriptor connection) { open(std::move(connection), Opening()); }
  /// Sends `first`, and then what was told since the link was opened held, and from now on.
  /// @param first  octets that go before all messages
  void release(std::string_view first);
  /// Ends the link: whoever waits for the other process waits no longer. A purge that the other process has
  /// asked for goes on.
  void close();
  /// Waits for such a purge. To be called after close().
  void join();

  /// Whether there is another process. From any thread.
  [[nodiscard]] bool is_open() const { return open_.load(std::memory_order_acquire); }

  /// Whether something that the other process has told is not done, or what it is told is not sent yet. To
  /// close the link before would leave the other process without an answer.
  [[nodiscard]] bool is_busy() const { return is_open() && (unanswered_ > 0 || sending_ || held_); }

  /// Has the other process purge, and blocks until it has, for seconds at the most. From any thread but the
  /// link's own and the executor's.
  /// @return how many entries it has purged; empty if there is no other process, or none any more;
  ///         storage_unavailable if it has failed, or has not answered in time
  [[nodiscard]] Result<std::optional<std::uint64_t>> purge(const caching::Purge& purge);

  /// Has the other process end what is stored for targets that a write has ended, and waits until it has, for
  /// a second at the most: it has been told then, all the same. From any thread; resumes on the caller's
  /// executor.
  [[nodiscard]] boost::asio::awaitable<void> end(std::vector<caching::Key> targets, std::string route);

 private:
  using Done = Result<std::optional<std::uint64_t>>;
  /// A caller that has told the other process something, and waits for its answer.
  struct Waiting {
    explicit Waiting(const boost::asio::any_io_executor& executor) : timer(executor) {}
    boost::asio::steady_timer timer;
    std::optional<Result<std::uint64_t>> answer;
  };

  boost::asio::awaitable<Done> tell(char what, std::string content, std::chrono::milliseconds patience);
  void send(std::uint64_t number, char what, std::string_view content);
  void begin_to_send();
  boost::asio::awaitable<void> send_all();
  boost::asio::awaitable<void> receive_all(char awaited);
  [[nodiscard]] bool take(std::string_view message);
  void begin_as_told(boost::asio::awaitable<void> work, std::string_view name);
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
  std::size_t unanswered_ = 0;                                 // of what the other process has told
  std::string unsent_;
  bool sending_ = false;
  bool held_ = false;
  std::optional<WorkerPool> purger_;  // once it is open
};

}  // namespace roktcached
