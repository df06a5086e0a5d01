// Times what a cache adds to a request that it cannot answer: cold misses through roktcached and through
// nginx beside the same request to their origin, each on one keep-alive connection. Takes turns request by
// request, and each follows each of the others equally often, so that whatever else the machine does, and
// what a server still does after its answer, hits all three alike. Started by miss.sh, which starts the three
// servers.
//
// Only the time from the first byte sent to the last byte received counts, on blocking sockets and without an
// allocation. Each answer is checked between two requests: the origin's bytes, a miss, and at the end of a
// round that the last miss was stored.
//
// Usage: miss_latency [--check] ORIGIN_PORT ROKTCACHED_PORT NGINX_PORT
//        --check: exit 1 where roktcached adds more than half again what nginx adds, or in any round three
//        times as much: what has been asked for before must make no miss slower
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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

using Microseconds = std::chrono::duration<double, std::micro>;

constexpr std::size_t warm_up = 1000;
constexpr std::size_t rounds = 5;
constexpr std::size_t requests = 2000;  // in a round, to each
constexpr Microseconds bar{150};
constexpr double most_of_nginx = 1.5;
constexpr double most_in_a_round = 3;

[[noreturn]] void fail_with_errno(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

/// A report that nobody has asked for before, for each number another. Made in place.
class Request {
 public:
  void set_number(std::size_t number) {
    for (std::size_t i = digits; i-- > 0; number /= 10)
      text_[number_at_ + i] = static_cast<char>('0' + number % 10);
  }
  [[nodiscard]] std::string_view text() const { return text_; }

 private:
  static constexpr std::size_t digits = 8;
  static constexpr std::string_view before_number_ =
      "GET /reporting/accounts/12/campaigns/3/overview?dateStart=2026-01-01&dateEnd=2026-01-31"
      "&currency=USD&timeZoneVariation=America/New_York&n=";
  static constexpr std::size_t number_at_ = before_number_.size();

  std::string text_ = std::string(before_number_) + std::string(digits, '0') +
                      " HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n";
};

/// One keep-alive connection on loopback. After a failure, which throws, it is of no more use.
class Connection {
 public:
  explicit Connection(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int on = 1;
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (socket_ < 0 || ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
        ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      fail_with_errno("connect");
  }
  ~Connection() {
    if (socket_ >= 0) ::close(socket_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Sends a request and takes its whole answer.
  Microseconds ask(std::string_view request) {
    size_ = head_size_ = body_size_ = 0;
    const auto began = std::chrono::steady_clock::now();
    if (::send(socket_, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
      fail_with_errno("send");
    while (!is_complete()) receive();
    return std::chrono::steady_clock::now() - began;
  }

  /// Of the last answer, until the next is asked for.
  [[nodiscard]] std::string_view head() const { return {buffer_.data(), head_size_}; }
  [[nodiscard]] std::string_view body() const { return {buffer_.data() + head_size_, body_size_}; }

 private:
  void receive() {
    const ssize_t received = ::recv(socket_, buffer_.data() + size_, buffer_.size() - size_, 0);
    if (received < 0) fail_with_errno("receive");
    if (received == 0) throw std::runtime_error("the answer broke off, or is larger than 16 KiB");
    size_ += static_cast<std::size_t>(received);
  }

  bool is_complete() {
    if (head_size_ == 0 && !take_head()) return false;
    return size_ >= head_size_ + body_size_;
  }

  /// Finds the end of the head and the length that it announces.
  bool take_head() {
    const std::string_view text(buffer_.data(), size_);
    const auto end = text.find("\r\n\r\n");
    if (end == std::string_view::npos) return false;
    constexpr std::string_view field = "\r\nContent-Length: ";
    const auto at = text.find(field);
    if (at > end) throw std::runtime_error("an answer without Content-Length");
    std::from_chars(text.data() + at + field.size(), text.data() + end, body_size_);
    head_size_ = end + 4;
    return true;
  }

  int socket_;
  std::array<char, 16384> buffer_{};
  std::size_t size_ = 0;
  std::size_t head_size_ = 0;
  std::size_t body_size_ = 0;
};

/// A server and what its answers must say.
struct Contestant {
  const char* name;
  std::string_view on_miss;  // in the head of an answer that was fetched and stored
  std::string_view on_hit;
  std::unique_ptr<Connection> connection;
  std::vector<Microseconds> times;

  Microseconds ask(const Request& request, std::string_view mark) {
    const Microseconds time = connection->ask(request.text());
    const std::string_view head = connection->head();
    if (!head.starts_with("HTTP/1.1 200 ") || head.find(mark) == std::string_view::npos) {
      throw std::runtime_error(std::string(name) + ": not the 200 with \"" + std::string(mark) +
                               "\" that was expected:\n" + std::string(head));
    }
    return time;
  }

  /// The time that a share of the requests did not exceed.
  Microseconds percentile(double share) {
    const auto at = times.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(times.size()));
    std::nth_element(times.begin(), at, times.end());
    return *at;
  }
};

using Contestants = std::array<Contestant, 3>;  // the origin, roktcached, nginx

/// Asks everybody for the next `count` new keys in turn, then both caches once more for the last.
void play(Contestants& contestants, std::size_t& number, std::size_t count) {
  Request request;
  std::array<std::size_t, 3> order = {0, 1, 2};
  for (auto& one : contestants) one.times.clear();
  for (std::size_t i = 0; i < count; ++i, std::swap(order[1], order[2])) {
    request.set_number(number++);
    for (const std::size_t who : order) {
      Contestant& one = contestants[who];
      one.times.push_back(one.ask(request, one.on_miss));
      if (one.connection->body() != contestants[0].connection->body())
        throw std::runtime_error(std::string(one.name) + ": not the origin's bytes");
    }
  }
  for (auto& one : contestants) one.ask(request, one.on_hit);
}

Microseconds median(std::vector<Microseconds> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

bool holds(bool condition, const char* what) {
  std::printf("%s: %s\n", condition ? "holds" : "MISSED", what);
  return condition;
}

bool compare(Contestants& contestants) {
  std::size_t number = 0;
  play(contestants, number, warm_up);
  std::printf("%zu rounds of %zu requests to each in turn; microseconds, median / p99.\n\n", rounds,
              requests);
  std::printf(
      "| round |  origin, direct | roktcached, miss |     nginx, miss | roktcached adds | nginx adds |\n");
  std::printf(
      "| ----- | --------------- | ---------------- | --------------- | --------------- | ---------- |\n");
  std::vector<Microseconds> ours;
  std::vector<Microseconds> nginx;
  for (std::size_t round = 1; round <= rounds; ++round) {
    play(contestants, number, requests);
    const auto middle = [&](std::size_t who) { return contestants[who].percentile(0.5); };
    const auto slow = [&](std::size_t who) { return contestants[who].percentile(0.99); };
    ours.push_back(middle(1) - middle(0));
    nginx.push_back(middle(2) - middle(0));
    std::printf("| %5zu | %6.1f / %6.1f |  %6.1f / %6.1f | %6.1f / %6.1f | %15.1f | %10.1f |\n", round,
                middle(0).count(), slow(0).count(), middle(1).count(), slow(1).count(), middle(2).count(),
                slow(2).count(), ours.back().count(), nginx.back().count());
  }
  const Microseconds our_overhead = median(ours);
  const Microseconds nginx_overhead = median(nginx);
  const double ratio = our_overhead / nginx_overhead;
  std::printf("\nA miss adds, median of the rounds: roktcached %.1f us, nginx %.1f us; %.2f times as much.\n",
              our_overhead.count(), nginx_overhead.count(), ratio);
  bool steady = true;
  for (std::size_t i = 0; i < rounds; ++i) steady = steady && ours[i] <= most_in_a_round * nginx[i];
  holds(our_overhead <= bar, "roktcached adds at most 150 us");
  const bool near = holds(nginx_overhead.count() > 0 && ratio <= most_of_nginx,
                          "roktcached adds at most half again what nginx adds");
  return holds(steady, "in no round three times as much as nginx") && near;
}

std::unique_ptr<Connection> connect_to(const char* port) {
  return std::make_unique<Connection>(static_cast<std::uint16_t>(std::strtoul(port, nullptr, 10)));
}

}  // namespace

int main(int argc, char** argv) {
  const bool check = argc == 5 && std::string_view(argv[1]) == "--check";
  if (argc != 4 && !check) {
    std::fprintf(stderr, "usage: miss_latency [--check] ORIGIN_PORT ROKTCACHED_PORT NGINX_PORT\n");
    return 2;
  }
  try {
    char** const ports = argv + argc - 3;
    Contestants contestants = {
        {{"origin", "", "", connect_to(ports[0]), {}},
         {"roktcached", "fwd=miss; stored", "roktcached; hit", connect_to(ports[1]), {}},
         {"nginx", "X-Cache-Status: MISS", "X-Cache-Status: HIT", connect_to(ports[2]), {}}}};
    for (auto& one : contestants) one.times.reserve(requests);
    return compare(contestants) || !check ? 0 : 1;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "miss_latency: %s\n", failure.what());
    return 1;
  }
}
