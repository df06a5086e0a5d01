#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace roktcached {

/// The service manager that has started this process, mostly systemd. It is told how the process is
/// (sd_notify(3)), by datagrams to the Unix socket $NOTIFY_SOCKET. Without that variable nobody is told, and
/// nothing costs anything. A datagram that cannot be sent is lost: a manager that does not listen is no
/// trouble of the daemon's. Belongs to one thread.
class ServiceManager {
 public:
  /// None: nobody is told anything.
  ServiceManager() = default;
  /// @param notify_socket  $NOTIFY_SOCKET: a path, or "@" and the name of an abstract socket; anything else
  /// is none
  /// @param watchdog_usec  $WATCHDOG_USEC: by then, again and again, it wants to hear that the process moves
  /// @param watchdog_pid   $WATCHDOG_PID: the process that this is about; "": this one
  ServiceManager(std::string_view notify_socket, std::string_view watchdog_usec,
                 std::string_view watchdog_pid);
  [[nodiscard]] static ServiceManager from_environment();

  [[nodiscard]] bool listens() const { return !address_.empty(); }
  /// How often alive() is to be called at least: half of what the manager waits for. Empty if it does not
  /// ask.
  [[nodiscard]] std::optional<std::chrono::microseconds> heartbeat() const { return heartbeat_; }

  /// Everybody is served, under the settings that were read last.
  void ready();
  /// The settings are being read again; ready() follows.
  void reloading();
  void stopping();
  /// The process still moves.
  void alive();
  /// Sends one line for a person, as `systemctl status` shows it. The same line is not sent twice in a row.
  void status(const std::string& line);

 private:
  void send(std::string_view state) noexcept;

  std::string address_;  // as sun_path; empty: none
  std::optional<std::chrono::microseconds> heartbeat_;
  std::string told_status_;
};

}  // namespace roktcached
