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
constexpr char waits_itself = 'w';
constexpr char goes_on_alone = 'x';
/// SCM_MAX_FD of the kernel.
constexpr std::size_t sockets_a_message = 253;
constexpr std::chrono::seconds patience{5};
/// A process that hands over has ended within half of it.
constexpr std::chrono::seconds patience_with_one_that_waits{30};
/// Between two looks whether the next process has said something.
constexpr std::chrono::milliseconds look_every{20};

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

/// A signal does not end the waiting.
/// @return whether something can be read, or the other end is closed
bool is_readable_within(int connection, std::chrono::milliseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  for (auto left = time; left.count() >= 0;) {
    pollfd readable{connection, POLLIN, 0};
    const int ready = ::poll(&readable, 1, static_cast<int>(left.count()));
    if (ready >= 0 || errno != EINTR) return ready > 0;
    left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
  }
  return false;
}

/// A byte, and the sockets that came with it.
/// @return 0 if none has come in time
char receive_byte(int connection, std::vector<Descriptor>& sockets,
                  std::chrono::milliseconds time = patience) {
  if (!is_readable_within(connection, time)) return 0;
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
  char first = receive_byte(connection.get(), sockets);
  const bool waits = first == waits_itself;
  if (waits) first = receive_byte(connection.get(), sockets, patience_with_one_that_waits);
  if (first == 0 && waits)
    return failed(path, "the process there is itself taking over, and the one before it has not ended");
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

/// The last octet of the former process can be read also where that has closed the connection.
Dismissal Predecessor::dismiss() {
  const bool told = send_byte(connection_.get(), serving);
  if (!is_readable_within(connection_.get(), patience) && told)
    return {Former::hangs, std::move(connection_)};
  std::vector<Descriptor> none;
  const char said = receive_byte(connection_.get(), none, std::chrono::milliseconds(0));
  if (said == knows_of_next) return {Former::knows, std::move(connection_)};
  connection_.close();
  return {.former = said == goes_on_alone ? Former::goes_on : Former::has_ended};
}

HandoverListener::HandoverListener(asio::io_context& context, net::UnixSocket socket,
                                   const net::SocketCopies& sockets, Handler handler)
    : context_(context), socket_(std::move(socket)), sockets_(sockets), handler_(std::move(handler)) {}

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
///
/// After stop() only the one that has the sockets is waited for.
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
    const bool turn = co_await wait_for_turn(connection.get());
    if (!turn) continue;
    const bool done = co_await hand_over_to(connection.get());
    if (!done) continue;
    handler_.handed_over(std::move(connection));
    co_return;
  }
}

/// @return whether the sockets may go to whoever asks on `connection`
asio::awaitable<bool> HandoverListener::wait_for_turn(int connection) {
  if (!is_own_user(connection)) {
    say(spdlog::level::warn, "handover-refused", "another user has asked for the sockets, and gets none");
    co_return false;
  }
  if (handler_.may_begin()) co_return true;
  say(spdlog::level::info, "handover-waits",
      "another process starts; it gets the listening sockets when the process before this one has ended");
  if (!send_byte(connection, waits_itself)) co_return false;
  asio::steady_timer pause(context_);
  while (!stopped_ && !handler_.may_begin()) {
    pause.expires_after(look_every);
    co_await pause.async_wait(as_result);
  }
  co_return !stopped_;
}

/// @return whether the next process is about to serve
asio::awaitable<bool> HandoverListener::hand_over_to(int connection) {
  if (!send_all(connection, sockets_.descriptors())) {
    say(spdlog::level::warn, "handover-failed",
        "the sockets could not be sent: " + std::generic_category().message(errno));
    co_return false;
  }
  say(spdlog::level::info, "handover-begun", "another process starts, and has the listening sockets, too");
  is_shared_ = true;
  asio::steady_timer pause(context_);
  const auto until = std::chrono::steady_clock::now() + handler_.longest_start;
  while (!closed_) {
    char said = 0;
    const ssize_t size = ::recv(connection, &said, 1, MSG_DONTWAIT);
    if (size == 1 && said == serving) co_return true;
    // Read first: this process may have been stopped itself for that long.
    if (size >= 0 || errno != EAGAIN || std::chrono::steady_clock::now() >= until) break;
    pause.expires_after(look_every);
    co_await pause.async_wait(as_result);
  }
  if (stopped_) co_return false;         // and the sockets remain shared
  send_byte(connection, goes_on_alone);  // both would serve, each for itself
  is_shared_ = false;
  say(spdlog::level::warn, "handover-abandoned", "the other process did not come to serve; this one goes on");
  co_return false;
}

}  // namespace roktcached
