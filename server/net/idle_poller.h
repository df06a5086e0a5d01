#pragma once

#include <sys/epoll.h>

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cstddef>
#include <span>

namespace roktcached::net {

/// Wakes connections that wait for their next request. Asio makes a system call for each wait of a
/// descriptor. Here any number of connections wait behind one descriptor of the executor's. Belongs to one
/// thread, that of its executor, which is not run any more once the object is gone.
///
/// Connections that are readable at the same time are woken in rows. If there are many, each of a row but the
/// last may put off the end of its work, above all the sending of its answer, until the others of the row
/// have come as far. It is then resumed in its turn. The reason: a client on the same host that waits for
/// several answers is woken by the first of them, which can take the kernel longer than a hit, and is awake
/// for the others.
class IdlePoller {
 public:
  /// A connection that sleeps until there is something to read.
  class IdleConnection {
   public:
    virtual ~IdleConnection() = default;
    /// There is something to read, or there never will be.
    virtual void woken() = 0;
    /// The others of its row have been woken, after it had put off the rest of its work.
    virtual void resumed() = 0;

   protected:
    IdleConnection() = default;
    IdleConnection(const IdleConnection&) = delete;
    IdleConnection& operator=(const IdleConnection&) = delete;

   private:
    friend IdlePoller;
    bool known_ = false;  // its descriptor is
    bool asleep_ = false;
    bool missed_ = false;  // something came while it was awake, or comes that a read need not show
  };

  explicit IdlePoller(const boost::asio::any_io_executor& executor);
  IdlePoller(const IdlePoller&) = delete;
  IdlePoller& operator=(const IdlePoller&) = delete;
  ~IdlePoller() = default;

  /// Wakes `idle` once. Keeps the executor running until it has, or until forget().
  /// @param descriptor  of a socket: always the same one of the same connection, and the only one of that
  ///          socket, so that closing it ends the watch
  /// @param drained     the last read has taken all that there was
  /// @throws std::system_error  if the kernel can watch no more
  void watch(int descriptor, IdleConnection& idle, bool drained);
  /// Has `idle` resumed when the others of its row have been woken.
  /// @param idle  is awake, and has not been put off
  /// @return false if no others are about to be woken, there are not many in all, or the row is full of
  ///          others that were put off: then it will not be resumed
  [[nodiscard]] bool put_off(IdleConnection& idle);
  /// Does not wake or resume it any more. To be called before it goes.
  void forget(IdleConnection& idle);
  /// Begins to look again if memory has failed on the way, so that nobody would be woken any more. Else does
  /// nothing.
  void look_again();

 private:
  void look_when_something_comes();
  void look();
  void tell_and_look_on();
  void wake_row();
  void tell(const epoll_event& event);

  boost::asio::posix::basic_stream_descriptor<> epoll_;
  std::size_t asleep_ = 0;
  bool to_look_ = false;         // look() will be called, or is
  std::span<epoll_event> told_;  // that look() has not come to yet
  bool lags_ = false;            // behind those that are told of
  std::size_t left_in_row_ = 0;  // of told_
  static constexpr std::size_t row = 8;
  std::array<IdleConnection*, row> put_off_{};  // null: has been forgotten
  std::size_t put_off_count_ = 0;
};

}  // namespace roktcached::net
