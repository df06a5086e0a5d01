// The least that a server on this machine can cost: one epoll loop that answers every request head with the
// same prepared bytes. It parses nothing, keeps nothing and checks nothing; whoever serves from a cache for
// nearly as little has nearly nothing left to save. Started by run.py.
//
// Usage: bare_loop PORT STATUS BODY_BYTES [THREADS]    THREADS loops, each with a listener of its own
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <vector>

namespace {

constexpr std::string_view end_of_head = "\r\n\r\n";
constexpr std::size_t answers_at_once = 16;

int checked(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

/// As many fields as a cache's answer has.
std::string answer_of(bool unchanged, std::size_t body_bytes, bool closes) {
  std::string answer = unchanged ? "HTTP/1.1 304 Not Modified\r\n" : "HTTP/1.1 200 OK\r\n";
  answer +=
      "Content-Type: application/json\r\n"
      "Date: Mon, 05 Oct 2026 08:00:00 GMT\r\n"
      "ETag: \"6b5f7c1e-d0\"\r\n"
      "Cache-Control: private, no-cache\r\n"
      "Vary: Accept-Encoding\r\n"
      "Age: 60\r\n";
  if (closes) answer += "Connection: close\r\n";
  if (unchanged) return answer + "\r\n";
  return answer + "Content-Length: " + std::to_string(body_bytes) + "\r\n\r\n" + std::string(body_bytes, 'x');
}

int listen_on(std::uint16_t port) {
  const int on = 1;
  const int listener = checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  checked(::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "SO_REUSEADDR");
  checked(::setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), "SO_REUSEPORT");
  checked(::setsockopt(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, &on, sizeof on), "TCP_DEFER_ACCEPT");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  checked(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
  checked(::listen(listener, SOMAXCONN), "listen");
  const int off = 0;
  checked(::setsockopt(listener, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof off), "TCP_QUICKACK");
  return listener;
}

/// One thread's connections. Sockets block: an answer is written whole before the next request is looked at,
/// which a client that reads what it asked for never notices.
class Loop {
 public:
  Loop(std::uint16_t port, bool unchanged, std::size_t body_bytes)
      : listener_(listen_on(port)),
        epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
        last_answer_(answer_of(unchanged, body_bytes, true)) {
    const std::string answer = answer_of(unchanged, body_bytes, false);
    for (std::size_t i = 0; i < answers_at_once; ++i) answers_ += answer;
    answer_size_ = answer.size();
    watch(listener_);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events{};
    while (true) {
      const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < count; ++i) {
        const int socket = events[static_cast<std::size_t>(i)].data.fd;
        if (socket == listener_) {
          accept();
        } else if (!serve(socket)) {
          begun_.erase(socket);
          ::close(socket);
        }
      }
    }
  }

 private:
  void watch(int socket) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = socket;
    checked(::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event), "epoll_ctl");
  }

  void accept() {
    const int on = 1;
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(socket);
  }

  /// @return false if the connection is to end
  bool serve(int socket) {
    const ssize_t received = ::recv(socket, buffer_.data(), buffer_.size(), 0);
    if (received <= 0) return false;
    const std::string_view read(buffer_.data(), static_cast<std::size_t>(received));
    const auto begun = begun_.find(socket);
    if (begun == begun_.end()) return answer_each(socket, read);
    const std::string whole = std::move(begun->second) + std::string(read);
    begun_.erase(begun);
    return answer_each(socket, whole);
  }

  bool answer_each(int socket, std::string_view text) {
    if (text.ends_with(end_of_head) && text.find("\r\nConnection: close\r\n") != std::string_view::npos) {
      if (send(socket, last_answer_, MSG_MORE)) ::shutdown(socket, SHUT_WR);  // in one segment
      return false;
    }
    std::size_t heads = 0;
    for (auto end = text.find(end_of_head); end != std::string_view::npos; end = text.find(end_of_head)) {
      text.remove_prefix(end + end_of_head.size());
      if (++heads < answers_at_once) continue;
      if (!send(socket, answers_)) return false;
      heads = 0;
    }
    if (!text.empty()) begun_[socket] = text;
    return heads == 0 || send(socket, std::string_view(answers_).substr(0, heads * answer_size_));
  }

  bool send(int socket, std::string_view rest, int flags = 0) {
    while (!rest.empty()) {
      const ssize_t sent = ::send(socket, rest.data(), rest.size(), MSG_NOSIGNAL | flags);
      if (sent <= 0) return false;
      rest.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  const int listener_;
  const int epoll_;
  const std::string last_answer_;
  std::string answers_;  // the answer, as often as it may be sent at once
  std::size_t answer_size_ = 0;
  std::array<char, 65536> buffer_{};
  std::unordered_map<int, std::string> begun_;  // of heads whose end has not come yet
};

void run_loop(std::uint16_t port, bool unchanged, std::size_t body_bytes) {
  try {
    Loop(port, unchanged, body_bytes).run();
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "bare_loop: %s\n", failure.what());
    std::exit(1);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4 || argc > 5) {
    std::fprintf(stderr, "usage: bare_loop PORT STATUS BODY_BYTES [THREADS]\n");
    return 2;
  }
  const auto number = [&](int i) { return std::strtoul(argv[i], nullptr, 10); };
  std::vector<std::thread> threads;
  for (unsigned long i = 0; i < (argc == 5 ? number(4) : 1); ++i)
    threads.emplace_back(run_loop, static_cast<std::uint16_t>(number(1)), number(2) == 304, number(3));
  for (auto& thread : threads) thread.join();
}
