// Asks for one large cached answer again and again, over connections that are kept, and costs its own core as
// little as it can: one read takes as much as has come, where wrk takes 8 KiB and looks at each octet. With
// answers of 50 KB wrk's core is full before any server's, and what one would measure is wrk. Started by
// run.py.
//
// Usage: light_load PORT SECONDS CONNECTIONS TARGET [--tls CIPHER]
// Prints one line of JSON, as wrk.lua does. Ends with 1 where anything but a 200 with Content-Length comes,
// or where the server agrees to another TLS cipher suite than this one of TLS 1.3.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

int checked(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

int connect_to(std::uint16_t port) {
  const int on = 1;
  const int socket = checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  checked(::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "TCP_NODELAY");
  checked(::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), "connect");
  return socket;
}

struct FreeTls {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* tls) const { SSL_free(tls); }
};
using TlsContext = std::unique_ptr<SSL_CTX, FreeTls>;
using Tls = std::unique_ptr<SSL, FreeTls>;

TlsContext make_tls_context(const char* cipher) {
  TlsContext context(SSL_CTX_new(TLS_client_method()));
  if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_ciphersuites(context.get(), cipher) != 1)
    throw std::runtime_error("no such cipher suite");
  SSL_CTX_set_read_ahead(context.get(), 1);
  return context;
}

/// The socket blocks until hands are shaken, and no longer.
Tls shake_hands(SSL_CTX* context, int socket) {
  Tls tls(SSL_new(context));
  if (!tls || SSL_set_fd(tls.get(), socket) != 1 || SSL_connect(tls.get()) != 1)
    throw std::runtime_error("no TLS handshake");
  int on = 1;
  checked(::ioctl(socket, FIONBIO, &on), "FIONBIO");
  return tls;
}

/// The part of an answer that is still to come.
class Answer {
 public:
  /// @return whether that was the last of it
  bool take(std::string_view text) {
    if (!head_has_come_) {
      if (!head_.empty()) text = head_ += text;
      const auto end = text.find("\r\n\r\n");
      if (end == std::string_view::npos) {
        head_ = std::string(text);
        return false;
      }
      rest_ = end + 4 + content_length(text);
      head_has_come_ = true;
    }
    if (text.size() > rest_) throw std::runtime_error("more than one answer came");
    rest_ -= text.size();
    if (rest_ > 0) return false;
    head_.clear();
    head_has_come_ = false;
    return true;
  }

 private:
  static std::size_t content_length(std::string_view head) {
    constexpr std::string_view field = "\r\nContent-Length: ";
    // HAProxy's.
    constexpr std::string_view in_lower_case = "\r\ncontent-length: ";
    auto at = head.find(field);
    if (at == std::string_view::npos) at = head.find(in_lower_case);
    std::size_t length = 0;
    if (!head.starts_with("HTTP/1.1 200 ") || at == std::string_view::npos)
      throw std::runtime_error("not a 200 with Content-Length: " + std::string(head.substr(0, 200)));
    std::from_chars(head.data() + at + field.size(), head.data() + head.size(), length);
    return length;
  }

  std::string head_;  // where it has come in pieces
  bool head_has_come_ = false;
  std::size_t rest_ = 0;
};

class Load {
 public:
  /// @param tls  null: none
  Load(std::uint16_t port, std::size_t connections, std::string_view target, SSL_CTX* tls)
      : epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
        request_("GET " + std::string(target) + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) +
                 "\r\n\r\n"),
        clients_(connections) {
    times_.reserve(10'000'000);
    for (Client& client : clients_) {
      client.socket = connect_to(port);
      if (tls != nullptr) client.tls = shake_hands(tls, client.socket);
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.ptr = &client;
      checked(::epoll_ctl(epoll_, EPOLL_CTL_ADD, client.socket, &event), "epoll_ctl");
    }
  }

  void run(std::chrono::seconds duration) {
    const auto begun = Clock::now();
    for (Client& client : clients_) ask(client);
    std::array<epoll_event, 64> events{};
    while (Clock::now() - begun < duration) {
      const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 1000);
      for (int i = 0; i < count; ++i)
        hear(*static_cast<Client*>(events[static_cast<std::size_t>(i)].data.ptr));
    }
    print(std::chrono::duration<double>(Clock::now() - begun));
  }

 private:
  struct Client {
    int socket = -1;
    Tls tls;
    Answer answer;
    std::size_t received = 0;  // of it
    Clock::time_point asked_at;
  };

  void ask(Client& client) {
    client.asked_at = Clock::now();
    const auto size = static_cast<int>(request_.size());
    const ssize_t sent = client.tls ? SSL_write(client.tls.get(), request_.data(), size)
                                    : ::send(client.socket, request_.data(), request_.size(), MSG_NOSIGNAL);
    if (sent != size) throw std::runtime_error("a request was not taken");
  }

  void hear(Client& client) {
    if (!client.tls) return take(client, ::recv(client.socket, buffer_.data(), buffer_.size(), 0));
    while (true) {
      const int received = SSL_read(client.tls.get(), buffer_.data(), static_cast<int>(buffer_.size()));
      if (received <= 0 && SSL_get_error(client.tls.get(), received) == SSL_ERROR_WANT_READ) return;
      take(client, received);
    }
  }

  void take(Client& client, ssize_t received) {
    if (received <= 0) throw std::runtime_error("a connection was not kept");
    client.received += static_cast<std::size_t>(received);
    if (!client.answer.take({buffer_.data(), static_cast<std::size_t>(received)})) return;
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - client.asked_at);
    times_.push_back(static_cast<std::uint32_t>(took.count()));
    bytes_ += std::exchange(client.received, 0);
    ask(client);
  }

  void print(std::chrono::duration<double> elapsed) {
    if (times_.empty()) throw std::runtime_error("no answer came");
    std::ranges::sort(times_);
    std::printf(R"({"requests": %zu, "seconds": %.6f, "bytes": %zu, "errors": 0, "p50_us": %u, "p99_us": %u})"
                "\n",
                times_.size(), elapsed.count(), bytes_, times_[times_.size() / 2],
                times_[times_.size() * 99 / 100]);
  }

  const int epoll_;
  const std::string request_;
  std::vector<Client> clients_;
  std::array<char, 256 * 1024> buffer_{};
  std::size_t bytes_ = 0;             // of whole answers
  std::vector<std::uint32_t> times_;  // in microseconds
};

}  // namespace

int main(int argc, char** argv) {
  const bool encrypted = argc == 7 && argv[5] == std::string_view("--tls");
  if (argc != 5 && !encrypted) {
    std::fprintf(stderr, "usage: light_load PORT SECONDS CONNECTIONS TARGET [--tls CIPHER]\n");
    return 2;
  }
  const auto number = [&](int i) { return std::strtoul(argv[i], nullptr, 10); };
  try {
    const TlsContext tls = encrypted ? make_tls_context(argv[6]) : nullptr;
    Load load(static_cast<std::uint16_t>(number(1)), number(3), argv[4], tls.get());
    load.run(std::chrono::seconds(number(2)));
    return 0;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "light_load: %s\n", failure.what());
    return 1;
  }
}
