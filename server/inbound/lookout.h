#pragma once

#include <sys/epoll.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cstddef>
#include <span>

namespace roktcached::inbound {

/// Wakes connections that wait for their next request: any number of them behind one descriptor of the
/// executor's, for which waiting costs a system call each time. Belongs to one thread, that of its executor,
/// which is not run any more once the object is gone.
class Lookout {
 public:
  /// Who sleeps until there is something to read.
  class Sleeper {
   public:
    virtual ~Sleeper() = default;
    /// There is something to read, or no longer will be.
    virtual void woken() = 0;

   protected:
    Sleeper() = default;
    Sleeper(const Sleeper&) = delete;
    Sleeper& operator=(const Sleeper&) = delete;

   private:
    friend Lookout;
    bool known_ = false;  // its descriptor is
    bool asleep_ = false;
    bool missed_ = false;  // something came while it was awake, or comes that a read need not show
  };

  explicit Lookout(const boost::asio::any_io_executor& executor);
  Lookout(const Lookout&) = delete;
  Lookout& operator=(const Lookout&) = delete;
  ~Lookout() = default;

  /// Wakes `sleeper` once. Keeps the executor running until it has, or forgets.
  /// @param descriptor  of a socket: always the same one of the same sleeper, and the only one of that
  /// socket,
  ///                    so that closing it ends the watch
  /// @param drained     the last read has taken all that there was
  /// @throws std::system_error  where the kernel can watch no more
  void watch(int descriptor, Sleeper& sleeper, bool drained);
  /// Does not wake it any more. To be called before it goes.
  void forget(Sleeper& sleeper);

 private:
  void look_when_something_comes();
  void look();
  void tell(const epoll_event& event);

  boost::asio::posix::basic_stream_descriptor<> epoll_;
  std::size_t asleep_ = 0;
  bool to_look_ = false;         // look() will be called, or is
  std::span<epoll_event> told_;  // that look() has not come to yet
};

}  // namespace roktcached::inbound
