#include "server/handover.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include "server/asio.h"
#include "server/background.h"
#include "server/log_event.h"

namespace roktcached {

namespace {

constexpr char handover_version = '1';
constexpr char some_sockets = '+';
constexpr char all_sockets = '.';
constexpr char serving = 's';
/// SCM_MAX_FD of the kernel.
constexpr std::size_t sockets_a_message = 253;
constexpr int patience_ms = 5'000;
/// Between two looks whether the next process has said something, and for how long it is looked.
constexpr std::chrono::milliseconds look_every{20};
constexpr std::chrono::seconds longest_start{60};

void say(spdlog::level::level_enum level, std::string_view event, std::string_view what) {
  log_event(level, event, "hand-over: {}", what).log();
}

Error failed(const std::string& path, std::string_view why) {
  return {ErrorCode::unavailable, false, fmt::format("listen.handover_socket: {}: {}", path, why)};
}

Error failed(const std::string& path, int error) {
  return failed(path, std::generic_category().message(error));
}

/// A process of another user gets nothing, and is not believed.
bool is_own_user(int connection) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  return ::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         (peer.uid == ::geteuid() || peer.uid == 0);
}

bool send_byte(int connection, char byte, std::span<const int> descriptors = {}) {
  std::array<char, CMSG_SPACE(sizeof(int) * sockets_a_message)> control{};
  iovec bytes{&byte, 1};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* const rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size_bytes());
  }
  return ::sendmsg(connection, &message, MSG_NOSIGNAL) == 1;
}

/// A byte, and the sockets that came with it.
/// @return 0 if none has come in time
char receive_byte(int connection, std::vector<Descriptor>& sockets) {
  pollfd readable{connection, POLLIN, 0};
  if (::poll(&readable, 1, patience_ms) <= 0) return 0;
  std::array<char, CMSG_SPACE(sizeof(int) * sockets_a_message)> control{};
  char byte = 0;
  iovec bytes{&byte, 1};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  if (::recvmsg(connection, &message, MSG_CMSG_CLOEXEC) != 1) return 0;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t at = 0; CMSG_LEN(at + sizeof(int)) <= part->cmsg_len; at += sizeof(int)) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(part) + at, sizeof(int));
      sockets.emplace_back(number);
    }
  }
  return (message.msg_flags & MSG_CTRUNC) != 0 ? '\0' : byte;  // no descriptor was left for all of them
}

bool send_all(int connection, const std::vector<int>& descriptors) {
  if (!send_byte(connection, handover_version)) return false;
  for (std::span<const int> left(descriptors); !left.empty();) {
    const std::size_t count = std::min(left.size(), sockets_a_message);
    if (!send_byte(connection, some_sockets, left.first(count))) return false;
    left = left.subspan(count);
  }
  return send_byte(connection, all_sockets);
}

}  // namespace

Result<std::optional<Predecessor>> Predecessor::ask(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return failed(path, "accepted: a path of at most 107 bytes");
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  Descriptor connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (connection.get() < 0) return failed(path, errno);
  if (::connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    const bool nobody = errno == ENOENT || errno == ECONNREFUSED;
    return nobody ? Result<std::optional<Predecessor>>(std::nullopt) : failed(path, errno);
  }
  if (!is_own_user(connection.get())) return failed(path, "another user listens there");
  std::vector<Descriptor> sockets;
  const char first = receive_byte(connection.get(), sockets);
  if (first == 0) return failed(path, "the process there hands over nothing");
  if (first != handover_version)
    return failed(path, "the process there knows another version of the hand-over; restart instead");
  char next = some_sockets;
  while (next == some_sockets) next = receive_byte(connection.get(), sockets);
  if (next != all_sockets) return failed(path, "the sockets of the process there have not come whole");
  auto inherited =
      net::InheritedSockets::of(net::InheritedSockets::Origin::former_process, std::move(sockets));
  if (!inherited) return inherited.error();
  return std::optional(Predecessor(std::move(connection), std::move(*inherited)));
}

std::optional<Descriptor> Predecessor::dismiss() {
  std::vector<Descriptor> none;
  const bool told = send_byte(connection_.get(), serving);
  if (told && receive_byte(connection_.get(), none) == knows_of_next) return std::move(connection_);
  connection_.close();
  return std::nullopt;
}

HandoverListener::HandoverListener(asio::io_context& context, net::UnixSocket socket,
                                   const net::SocketCopies& sockets,
                                   std::function<void(Descriptor)> handed_over)
    : context_(context),
      socket_(std::move(socket)),
      sockets_(sockets),
      handed_over_(std::move(handed_over)) {}

HandoverListener::~HandoverListener() = default;

Result<void> HandoverListener::start() {
  auto acceptor = socket_->acceptor(context_.get_executor());
  if (!acceptor) return acceptor.error();
  acceptor_.emplace(std::move(*acceptor));
  acceptor_->non_blocking(true);
  asio::co_spawn(context_, wait_for_successors(), logging_failure("waiting for the next process"));
  return {};
}

void HandoverListener::stop() {
  stopped_ = true;
  boost::system::error_code ignored;
  if (acceptor_) acceptor_->close(ignored);
  socket_.reset();
}

/// Serves one successor after the other: of two at once, both could come to serve.
asio::awaitable<void> HandoverListener::wait_for_successors() {
  while (!stopped_) {
    const auto [waited] = co_await acceptor_->async_wait(net::Acceptor::wait_read, as_result);
    if (stopped_) co_return;
    Descriptor connection(
        waited ? -1 : ::accept4(acceptor_->native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (connection.get() < 0) {
      asio::steady_timer pause(context_, look_every);
      co_await pause.async_wait(as_result);
      continue;
    }
    const bool done = co_await hand_over_to(connection.get());
    if (!done) continue;
    handed_over_(std::move(connection));
    co_return;
  }
}

/// @return whether the next process is about to serve
asio::awaitable<bool> HandoverListener::hand_over_to(int connection) {
  if (!is_own_user(connection)) {
    say(spdlog::level::warn, "handover-refused", "another user has asked for the sockets, and gets none");
    co_return false;
  }
  if (!send_all(connection, sockets_.descriptors())) {
    say(spdlog::level::warn, "handover-failed",
        "the sockets could not be sent: " + std::generic_category().message(errno));
    co_return false;
  }
  say(spdlog::level::info, "handover-begun", "another process starts, and has the listening sockets, too");
  is_shared_ = true;
  asio::steady_timer pause(context_);
  const auto until = std::chrono::steady_clock::now() + longest_start;
  while (!stopped_ && std::chrono::steady_clock::now() < until) {
    char said = 0;
    const ssize_t size = ::recv(connection, &said, 1, MSG_DONTWAIT);
    if (size == 1 && said == serving) co_return true;
    if (size >= 0 || errno != EAGAIN) break;
    pause.expires_after(look_every);
    co_await pause.async_wait(as_result);
  }
  if (stopped_) co_return false;  // and the sockets remain shared
  is_shared_ = false;
  say(spdlog::level::warn, "handover-abandoned", "the other process did not come to serve; this one goes on");
  co_return false;
}

}  // namespace roktcached
