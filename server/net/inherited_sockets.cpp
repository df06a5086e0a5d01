#include "server/net/inherited_sockets.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "core/number.h"
#include "server/asio.h"
#include "server/net/listening_socket.h"

namespace roktcached::net {

using tcp = asio::ip::tcp;

namespace {

constexpr int first_inherited = 3;  // SD_LISTEN_FDS_START
constexpr int most_inherited = 4096;

Error refused(std::string why) {
  return {ErrorCode::configuration, false, std::move(why)};
}

/// The address that a listening stream socket is bound to; empty if it is none.
std::string address_of(int descriptor) {
  int listens = 0;
  int type = 0;
  socklen_t size = sizeof(int);
  if (::getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0) return {};
  if (::getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM) return {};
  sockaddr_storage address{};
  size = sizeof(address);
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  if (address.ss_family == AF_UNIX) {
    const auto* const local = reinterpret_cast<const sockaddr_un*>(&address);
    const std::string path(local->sun_path, ::strnlen(local->sun_path, sizeof(local->sun_path)));
    return "unix:" + path;
  }
  tcp::endpoint endpoint;
  if (size > endpoint.capacity()) return {};
  std::copy_n(reinterpret_cast<const char*>(&address), size, reinterpret_cast<char*>(endpoint.data()));
  endpoint.resize(size);
  return text_of(endpoint);
}

int count_of(const char* text) {
  return std::clamp(parse_number<int>(text).value_or(0), 0, most_inherited);
}

const char* variable(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread
  return value == nullptr ? "" : value;
}

std::vector<std::string> split(std::string_view names) {
  std::vector<std::string> all;
  while (!names.empty()) {
    const auto end = std::min(names.find(':'), names.size());
    all.emplace_back(names.substr(0, end));
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return all;
}

}  // namespace

Result<InheritedSockets> InheritedSockets::of(Origin origin, std::vector<Descriptor> descriptors,
                                              const std::vector<std::string>& names) {
  InheritedSockets inherited;
  inherited.origin_ = origin;
  for (std::size_t i = 0; i < descriptors.size(); ++i) {
    const std::string name = i < names.size() ? names[i] : std::string();
    std::string address = address_of(descriptors[i].get());
    if (address.empty())
      return refused(fmt::format(
          "descriptor {}{} is no listening stream socket; accepted in a socket unit: ListenStream=",
          descriptors[i].get(), name.empty() ? "" : " (" + name + ")"));
    inherited.sockets_.push_back({std::move(descriptors[i]), std::move(address), name});
  }
  return inherited;
}

Result<InheritedSockets> InheritedSockets::from_environment() {
  if (variable("LISTEN_PID") != std::to_string(::getpid())) return InheritedSockets();
  std::vector<Descriptor> descriptors;
  for (int number = first_inherited; number < first_inherited + count_of(variable("LISTEN_FDS")); ++number) {
    ::fcntl(number, F_SETFD, FD_CLOEXEC);
    descriptors.emplace_back(number);
  }
  const auto names = split(variable("LISTEN_FDNAMES"));
  for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"})
    ::unsetenv(name);  // NOLINT(concurrency-mt-unsafe): before any thread
  return of(Origin::service_manager, std::move(descriptors), names);
}

bool InheritedSockets::has_address(std::string_view address) const {
  return std::ranges::find(sockets_, address, &Socket::address) != sockets_.end();
}

bool InheritedSockets::has(const tcp::endpoint& endpoint) const {
  return has_address(text_of(endpoint));
}

bool InheritedSockets::has(const std::string& unix_path) const {
  return has_address("unix:" + unix_path);
}

std::vector<Descriptor> InheritedSockets::take_address(std::string_view address) {
  std::vector<Descriptor> taken;
  for (Socket& socket : sockets_) {
    if (socket.address == address) taken.push_back(std::move(socket.descriptor));
  }
  std::erase_if(sockets_, [&](const Socket& socket) { return socket.address == address; });
  return taken;
}

std::vector<Descriptor> InheritedSockets::take(const tcp::endpoint& endpoint) {
  return take_address(text_of(endpoint));
}

std::optional<UnixSocket> InheritedSockets::take(const std::string& unix_path) {
  auto taken = take_address("unix:" + unix_path);
  if (taken.empty()) return std::nullopt;
  return UnixSocket::adopt(unix_path, std::move(taken.front()));
}

std::vector<std::string> InheritedSockets::left() const {
  std::vector<std::string> all;
  for (const Socket& socket : sockets_) {
    std::string text = socket.name.empty() ? socket.address : socket.address + " (" + socket.name + ")";
    if (std::ranges::find(all, text) == all.end()) all.push_back(std::move(text));
  }
  return all;
}

Result<void> share_out(const std::vector<Descriptor>& sockets,
                       const std::vector<asio::any_io_executor>& executors,
                       const std::function<void(std::size_t, Acceptor)>& add) {
  const std::size_t count = std::max(sockets.size(), executors.size());
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t place = i % executors.size();
    auto acceptor = acceptor_on(executors[place], sockets[i % sockets.size()].get());
    if (!acceptor) return acceptor.error();
    add(place, std::move(*acceptor));
  }
  return {};
}

/// If no descriptor is left, the next process opens the address itself.
void SocketCopies::add(int descriptor) {
  const int copy = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (copy >= 0) copies_.emplace_back(copy);
}

std::vector<int> SocketCopies::descriptors() const {
  std::vector<int> all;
  for (const Descriptor& copy : copies_) all.push_back(copy.get());
  return all;
}

}  // namespace roktcached::net
