#include "server/service_manager.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "core/descriptor.h"
#include "core/number.h"

namespace roktcached {

namespace {

/// A manager that takes nothing for so long is not waited for.
constexpr timeval patience{1, 0};

std::optional<std::int64_t> number_of(std::string_view text) {
  const auto number = parse_number<std::int64_t>(text);
  return number && *number > 0 ? number : std::nullopt;
}

std::string_view variable(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread
  return value == nullptr ? std::string_view() : value;
}

std::string monotonic_usec() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::to_string(std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000);
}

}  // namespace

ServiceManager::ServiceManager(std::string_view notify_socket, std::string_view watchdog_usec,
                               std::string_view watchdog_pid) {
  const bool is_path = notify_socket.starts_with('/');
  const bool is_abstract = notify_socket.starts_with('@') && notify_socket.size() > 1;
  if ((!is_path && !is_abstract) || notify_socket.size() >= sizeof(sockaddr_un::sun_path)) return;
  address_ = notify_socket;
  if (is_abstract) address_.front() = '\0';
  const bool is_ours = watchdog_pid.empty() || number_of(watchdog_pid) == ::getpid();
  const auto usec = number_of(watchdog_usec);
  if (is_ours && usec) heartbeat_ = std::chrono::microseconds(*usec) / 2;
}

ServiceManager ServiceManager::from_environment() {
  return {variable("NOTIFY_SOCKET"), variable("WATCHDOG_USEC"), variable("WATCHDOG_PID")};
}

void ServiceManager::ready() {
  send("READY=1");
}

/// The time tells a notification that belongs to the last SIGHUP from one before (sd_notify(3), RELOADING=1).
void ServiceManager::reloading() {
  send("RELOADING=1\nMONOTONIC_USEC=" + monotonic_usec());
}

void ServiceManager::stopping() {
  send("STOPPING=1");
}

void ServiceManager::alive() {
  send("WATCHDOG=1");
}

void ServiceManager::status(const std::string& line) {
  if (line == told_status_) return;
  told_status_ = line;
  send("STATUS=" + line.substr(0, line.find('\n')));
}

void ServiceManager::send(std::string_view state) noexcept {
  if (!listens()) return;
  const Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (socket.get() < 0) return;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  address_.copy(address.sun_path, sizeof(address.sun_path));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  (void)!::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL,
                  reinterpret_cast<const sockaddr*>(&address), size);
}

}  // namespace roktcached
