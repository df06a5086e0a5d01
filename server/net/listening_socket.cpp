#include "server/net/listening_socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <netinet/tcp.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <cerrno>
#include <cstring>
#include <optional>
#include <sstream>
#include <system_error>
#include <utility>
#include <vector>

#include "config/private_file.h"
#include "server/asio.h"
#include "storage/sqlite/private_file.h"

namespace roktcached::net {

using tcp = asio::ip::tcp;
using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;
using QuickAck = asio::detail::socket_option::boolean<IPPROTO_TCP, TCP_QUICKACK>;
using DeferAccept = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_DEFER_ACCEPT>;

namespace {

/// In HTTP the client speaks first. A connection is accepted with its first bytes, so that who accepts it is
/// woken once and not twice; or after so many seconds without any, which is the least there is. A client that
/// has said nothing for less than that when the listener closes is reset.
constexpr int longest_silence = 1;

Error refused(ErrorCode code, const std::string& path, std::string_view why) {
  return {code, false, "unix:" + path + ": " + std::string(why)};
}

Error system_error(const std::string& path) {
  return refused(ErrorCode::configuration, path, std::generic_category().message(errno));
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return address;
}

int new_socket() {
  return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/// Whether nobody listens there any more. Only that is refused: a socket of another type, or one that we may
/// not connect to, is somebody's, and where we have no descriptor left to ask with, nothing is known.
bool is_dead(const sockaddr_un& address) {
  const int probe = new_socket();
  if (probe < 0) return false;
  const bool connected = ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  const bool dead = !connected && errno == ECONNREFUSED;
  ::close(probe);
  return dead;
}

/// @return whether there is a socket of ours, in use or not; anything else there is refused
Result<bool> has_own_socket(const std::string& path) {
  if (path.size() >= sizeof(sockaddr_un::sun_path))
    return refused(ErrorCode::configuration, path, "accepted: a path of at most 107 bytes");
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return errno == ENOENT ? Result<bool>(false) : system_error(path);
  if (!S_ISSOCK(status.st_mode))
    return refused(ErrorCode::configuration, path, "exists and is no socket; accepted: a path that is free");
  if (status.st_uid != ::geteuid())
    return refused(ErrorCode::configuration, path,
                   "is a socket of another user; accepted: a path that is free");
  return true;
}

Result<bool> has_dead_socket(const std::string& path) {
  const auto there = has_own_socket(path);
  if (!there || !*there) return there;
  if (!is_dead(address_of(path))) return refused(ErrorCode::unavailable, path, "Address already in use");
  return true;
}

Result<void> check_folder_of(const std::string& path) {
  const std::string folder = path.substr(0, std::max<std::size_t>(path.rfind('/'), 1));
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0) return system_error(path);
  if (!S_ISDIR(status.st_mode)) return refused(ErrorCode::configuration, path, folder + " is no directory");
  errno = storage::error_of_making_files_in(folder);
  return errno == 0 ? Result<void>() : system_error(path);
}

std::optional<gid_t> group_of(const std::string& name) {
  std::vector<char> buffer(4096);
  struct group entry {};
  struct group* found = nullptr;
  // A group's members all go into the buffer.
  while (::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) == ERANGE)
    buffer.resize(buffer.size() * 2);
  return found == nullptr ? std::nullopt : std::optional(entry.gr_gid);
}

Result<void> set_owner(const std::string& path, mode_t mode, const std::string& group) {
  if (!group.empty()) {
    const auto id = group_of(group);
    if (!id)
      return refused(ErrorCode::configuration, path,
                     "listen.unix_group = \"" + group + "\": there is no such group");
    if (::lchown(path.c_str(), static_cast<uid_t>(-1), *id) != 0) return system_error(path);
  }
  if (::chmod(path.c_str(), mode) != 0) return system_error(path);
  return {};
}

/// Gives `socket` to the acceptor, unless that fails: then it is closed.
boost::system::error_code assign(Acceptor& acceptor, const asio::generic::stream_protocol& protocol,
                                 Descriptor socket) {
  boost::system::error_code error;
  acceptor.assign(protocol, socket.get(), error);
  if (!error) (void)socket.release();
  return error;
}

/// A lock that is held while a path is taken. Otherwise, of two processes that find the same dead socket, one
/// could remove the other's live one. The lock file beside the socket goes with it.
class PathLock {
 public:
  /// @return unavailable if another process is about to take the path, else configuration
  static Result<PathLock> of(const std::string& path) {
    constexpr mode_t owner_only = 0600;
    PathLock lock(path + ".lock");
    while (true) {
      lock.file_ =
          Descriptor(::open(lock.path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, owner_only));
      if (lock.file_.get() < 0) return system_error(path);
      if (::flock(lock.file_.get(), LOCK_EX | LOCK_NB) != 0) {
        const Error why = errno == EWOULDBLOCK
                              ? refused(ErrorCode::unavailable, path, "another process is about to take it")
                              : system_error(path);
        lock.file_.close();  // the file is the other's
        return why;
      }
      if (lock.is_at_its_path()) return lock;
    }
  }
  PathLock(PathLock&&) = default;
  PathLock& operator=(PathLock&&) = delete;
  /// The file is removed before the lock is released: a process that has opened it meanwhile sees that it is
  /// gone.
  ~PathLock() {
    if (file_.get() >= 0) ::unlink(path_.c_str());
  }

 private:
  explicit PathLock(std::string path) : path_(std::move(path)) {}
  /// Whoever had it before may have removed it since it was opened.
  [[nodiscard]] bool is_at_its_path() const {
    struct stat ours {};
    struct stat there {};
    return ::fstat(file_.get(), &ours) == 0 && ::lstat(path_.c_str(), &there) == 0 &&
           ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
  }

  std::string path_;
  Descriptor file_{-1};
};

/// Why this machine has no such address; empty if it has, and where that cannot be told.
boost::system::error_code why_missing(const asio::ip::address& address) {
  asio::io_context context;
  tcp::acceptor probe(context);
  boost::system::error_code error;
  probe.open(tcp::endpoint(address, 0).protocol(), error);
  if (!error) probe.bind(tcp::endpoint(address, 0), error);
  const bool missing = error == asio::error::address_family_not_supported ||
                       error == boost::system::errc::address_not_available;
  return missing ? error : boost::system::error_code();
}

}  // namespace

Result<std::vector<tcp::endpoint>> to_endpoints(const config::Endpoint& address) {
  if (address.host == "localhost")
    return std::vector{tcp::endpoint(asio::ip::address_v4::loopback(), address.port),
                       tcp::endpoint(asio::ip::address_v6::loopback(), address.port)};
  std::string host = address.host;
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  boost::system::error_code error;
  const auto ip = asio::ip::make_address(host, error);
  if (error) return Error{ErrorCode::configuration, false, host + ": not an IP address"};
  return std::vector{tcp::endpoint(ip, address.port)};
}

Result<std::vector<tcp::endpoint>> endpoints_here(const config::Endpoint& address) {
  auto all = to_endpoints(address);
  if (!all || all->size() == 1) return all;
  std::vector<tcp::endpoint> here;
  for (const tcp::endpoint& endpoint : *all) {
    if (!why_missing(endpoint.address())) here.push_back(endpoint);
  }
  return here.empty() ? std::move(*all) : std::move(here);  // one that is missing says why when it is opened
}

std::string text_of(const tcp::endpoint& endpoint) {
  std::ostringstream text;
  text << endpoint;
  return text.str();
}

std::optional<std::string> missing_loopback() {
  for (const asio::ip::address& address :
       std::array<asio::ip::address, 2>{asio::ip::address_v4::loopback(), asio::ip::address_v6::loopback()}) {
    if (const auto why = why_missing(address)) return address.to_string() + ": " + why.message();
  }
  return std::nullopt;
}

Result<void> settle_ports(std::vector<tcp::endpoint>& endpoints) {
  constexpr int tries = 16;  // the port that the system gives one may be taken on the other
  for (int left = endpoints.size() > 1 && endpoints.front().port() == 0 ? tries : 1;; --left) {
    asio::io_context context;
    std::vector<tcp::endpoint> settled = endpoints;
    std::vector<Acceptor> alone;
    Result<void> result;
    for (tcp::endpoint& endpoint : settled) {
      if (endpoint.port() == 0) endpoint.port(settled.front().port());
      auto opened = open_listener(context.get_executor(), endpoint, false);
      if (!opened) {
        result = opened.error();
        break;
      }
      endpoint = opened->second;
      alone.push_back(std::move(opened->first));
    }
    if (result) endpoints = settled;
    if (result || left <= 1) return result;
  }
}

Result<std::pair<Acceptor, tcp::endpoint>> open_listener(const asio::any_io_executor& executor,
                                                         const tcp::endpoint& endpoint, bool shared) {
  tcp::acceptor acceptor(executor);
  boost::system::error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && shared) acceptor.set_option(ReusePort(true), error);
  if (!error && endpoint.protocol() == tcp::v6()) acceptor.set_option(asio::ip::v6_only(true), error);
  if (!error) acceptor.set_option(tcp::no_delay(true), error);  // its connections have it from it
  if (!error) acceptor.set_option(DeferAccept(longest_silence), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
  // Its connections inherit the option: the answer then acknowledges the request. Not before listen(), which
  // forgets it.
  if (!error) acceptor.set_option(QuickAck(false), error);
  const tcp::endpoint taken = error ? endpoint : acceptor.local_endpoint(error);
  if (!error) return std::pair(Acceptor(std::move(acceptor)), taken);
  return Error{ErrorCode::unavailable, false, text_of(endpoint) + ": " + error.message()};
}

Result<Acceptor> acceptor_on(const asio::any_io_executor& executor, int listening) {
  const auto failed = [](const std::string& why) {
    return Error{ErrorCode::unavailable, false, "an inherited socket: " + why};
  };
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  Descriptor own(::fcntl(listening, F_DUPFD_CLOEXEC, 0));
  if (own.get() < 0 || ::getsockname(own.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return failed(std::generic_category().message(errno));
  const bool is_unix = address.ss_family == AF_UNIX;
  Acceptor acceptor(executor);
  auto error = assign(acceptor, {address.ss_family, is_unix ? 0 : IPPROTO_TCP}, std::move(own));
  if (!is_unix && !error) acceptor.set_option(tcp::no_delay(true), error);
  if (!is_unix && !error) acceptor.set_option(DeferAccept(longest_silence), error);
  if (!is_unix && !error) acceptor.set_option(QuickAck(false), error);
  if (error) return failed(error.message());
  return acceptor;
}

Result<void> check_unix_group(const std::string& group) {
  if (group.empty()) return {};
  const auto id = group_of(group);
  const config::Identity self = config::process_identity();
  if (id && (self.user == 0 || std::ranges::find(self.groups, *id) != self.groups.end())) return {};
  const std::string why =
      id ? "accepted: a group that user " + std::to_string(self.user) + ", who runs this, is a member of"
         : "there is no such group";
  return Error{ErrorCode::configuration, false, "listen.unix_group: \"" + group + "\": " + why};
}

Result<void> UnixSocket::check(const std::string& path) {
  if (const auto there = has_own_socket(path); !there) return there.error();
  return check_folder_of(path);
}

Result<void> UnixSocket::check_free(const std::string& path) {
  const auto there = has_dead_socket(path);
  return there ? Result<void>() : there.error();
}

Result<UnixSocket> UnixSocket::open(const std::string& path, mode_t mode, const std::string& group) {
  if (const auto acceptable = has_own_socket(path); !acceptable) return acceptable.error();
  const auto lock = PathLock::of(path);
  if (!lock) return lock.error();
  const auto in_the_way = has_dead_socket(path);
  if (!in_the_way) return in_the_way.error();
  if (*in_the_way && ::unlink(path.c_str()) != 0) return system_error(path);
  const sockaddr_un address = address_of(path);
  UnixSocket made(path);
  made.descriptor_ = new_socket();
  if (made.descriptor_ < 0 ||
      ::bind(made.descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return system_error(path);
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return system_error(path);
  made.device_ = status.st_dev;
  made.inode_ = status.st_ino;
  // Nobody can connect before listen(), so there is no moment in which the mode is a wider one.
  if (const auto owned = set_owner(path, mode, group); !owned) return owned.error();
  if (::listen(made.descriptor_, SOMAXCONN) != 0) return system_error(path);
  return made;
}

UnixSocket UnixSocket::adopt(const std::string& path, Descriptor listening) {
  UnixSocket adopted(path);
  adopted.descriptor_ = listening.release();
  return adopted;
}

void UnixSocket::own_path() {
  struct stat status {};
  if (::lstat(path_.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return;
  device_ = status.st_dev;
  inode_ = status.st_ino;
}

Result<void> UnixSocket::give_to(mode_t mode, const std::string& group) const {
  return set_owner(path_, mode, group);
}

Result<void> UnixSocket::check_owner_only() const {
  constexpr mode_t of_others = S_IRWXG | S_IRWXO;
  struct stat status {};
  if (::lstat(path_.c_str(), &status) != 0) return system_error(path_);
  if ((status.st_mode & of_others) == 0) return {};
  return Error{
      ErrorCode::configuration, false,
      fmt::format("{} has mode {:04o}; accepted: none but its owner's, such as SocketMode=0600 in the "
                  "socket unit: who connects there needs no token",
                  path_, static_cast<unsigned>(status.st_mode & 07777U))};
}

UnixSocket::UnixSocket(UnixSocket&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      device_(other.device_),
      inode_(std::exchange(other.inode_, 0)) {}

UnixSocket::~UnixSocket() {
  struct stat status {};
  const bool ours = inode_ != 0 && ::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ &&
                    status.st_ino == inode_;
  if (ours) ::unlink(path_.c_str());
  // Closed last: while it is open, nobody takes it for a stale one, and its inode is no other file's.
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<Acceptor> UnixSocket::acceptor(const asio::any_io_executor& executor) const {
  Descriptor own(::fcntl(descriptor_, F_DUPFD_CLOEXEC, 0));
  if (own.get() < 0) return system_error(path_);
  Acceptor acceptor(executor);
  if (const auto error = assign(acceptor, {AF_UNIX, 0}, std::move(own)))
    return refused(ErrorCode::unavailable, path_, error.message());
  return acceptor;
}

}  // namespace roktcached::net
