#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>

#include "core/mutex.h"
#include "core/time.h"

namespace roktcached::net {

/// The answers that have waited for their clients for a while, of all connections. If there is no room in
/// memory for another answer's body, the slowest of them gives way. An answer that goes out at once is never
/// here, nor one that has waited for less than WritePace's first look.
///
/// Safe from any thread; outlives what it names.
class WaitingSenders {
 private:
  struct Sender {
    boost::asio::any_io_executor executor;
    std::function<void()> give_way;  // called on the executor; null once it waits no more; of its thread
    const void* body;
    std::atomic<SteadyTime> progressed_at;
    std::atomic<bool> asked{false};
  };
  using Senders = std::list<std::shared_ptr<Sender>>;

 public:
  /// A client that takes nothing for so long may have to give way.
  static constexpr std::chrono::seconds slow_after{1};

  /// An answer that waits, for as long as this lives. Belongs to the thread of its executor.
  class Entry {
   public:
    /// @param body      what it sends, by address: those that send the same give way together
    /// @param give_way  called on `executor` where it is asked to, and not after this has ended; does not
    ///                  end this itself
    Entry(WaitingSenders& senders, boost::asio::any_io_executor executor, const void* body,
          std::function<void()> give_way, SteadyTime now);
    ~Entry();
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

    /// The client has taken something.
    void progressed(SteadyTime at);
    /// @return whether the client has taken nothing for slow_after; once it has taken something, it need not
    ///          give way any more
    [[nodiscard]] bool still_slow(SteadyTime now);

   private:
    WaitingSenders& senders_;
    Senders::iterator place_;
  };

  /// Asks the client that has taken nothing for longest to give way, and with it all other slow ones that are
  /// sent the same body: one alone would set nothing free.
  struct Asked {
    std::size_t now = 0;  ///< how many
    bool any = false;     ///< whether one is about to go, asked now or before
  };
  Asked ask_slowest(SteadyTime now);

 private:
  Mutex mutex_;
  Senders waiting_ GUARDED_BY(mutex_);
};

/// Makes room in memory for bodies: the slowest client gives way, and the log says so once in a while. Safe
/// from any thread.
class Shortage {
 public:
  explicit Shortage(WaitingSenders& senders) : senders_(senders) {}

  /// @return whether somebody gives way
  bool relieve(SteadyTime now);

 private:
  void report(std::size_t cut, bool refused, SteadyTime now);

  WaitingSenders& senders_;
  Mutex mutex_;
  std::size_t cut_ GUARDED_BY(mutex_) = 0;  // since the last line
  std::size_t refused_ GUARDED_BY(mutex_) = 0;
  SteadyTime next_line_ GUARDED_BY(mutex_){};
};

}  // namespace roktcached::net
