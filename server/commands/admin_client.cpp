#include "server/commands/admin_client.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <chrono>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "core/descriptor.h"
#include "core/http/framing.h"
#include "core/http/message_head.h"
#include "core/printable.h"
#include "server/commands/commands.h"
#include "server/http/message_parser.h"
#include "server/net/listening_socket.h"

// One request, one answer, and nothing else to do meanwhile: the socket blocks.
namespace roktcached::commands {

namespace {

constexpr std::chrono::seconds connect_timeout{5};
constexpr std::chrono::minutes answer_timeout{10};
/// Between two attempts, while one process follows another, and for how long it is tried.
constexpr std::chrono::milliseconds between_processes{100};
constexpr std::chrono::seconds longest_hand_over{10};
constexpr std::size_t piece_size = 16 * 1024;
constexpr std::size_t max_content = std::size_t{1} << 20;
constexpr std::size_t max_listing = std::size_t{64} << 20;  ///< of a thousand entries, each with what moved

using Clock = std::chrono::steady_clock;
using Endpoint = boost::asio::generic::stream_protocol::endpoint;

Error unavailable_error(const config::Endpoint& address, const std::string& why) {
  return {.code = ErrorCode::unavailable,
          .retryable = true,
          .context = "admin listener " + config::to_string(address) + ": " + why};
}

/// The error of the last call. For a call whose time is over, the kernel reports EINPROGRESS or EAGAIN.
Error system_error(const config::Endpoint& address) {
  const int error = errno == EINPROGRESS || errno == EAGAIN ? ETIMEDOUT : errno;
  return unavailable_error(address, std::generic_category().message(error));
}

/// For the next call.
/// @return whether any time is left
bool bound(const Descriptor& socket, Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::microseconds>(deadline - Clock::now());
  if (left.count() <= 0) {  // which as a bound would be none
    errno = ETIMEDOUT;
    return false;
  }
  const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
  const timeval value{.tv_sec = seconds.count(), .tv_usec = (left - seconds).count()};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &value, sizeof value);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &value, sizeof value);
  return true;
}

/// How long a call may take.
struct Patience {
  Clock::time_point deadline;
  StopFlag stop = nullptr;
};

/// A system call within its time: again where the process has been stopped meanwhile and goes on, which ends
/// it where it has a bound.
template <class Call>
ssize_t call_until(const Descriptor& socket, const Patience& patience, Call call) {
  while (bound(socket, patience.deadline)) {
    const ssize_t result = call();
    if (result >= 0 || errno != EINTR) return result;
    if (patience.stop != nullptr && *patience.stop != 0) {
      errno = EINTR;
      return -1;
    }
  }
  return -1;
}

Result<std::vector<Endpoint>> find_endpoints(const config::Endpoint& address) {
  if (address.is_unix())
    return std::vector{Endpoint(boost::asio::local::stream_protocol::endpoint(address.path))};
  const auto found = net::to_endpoints(address);
  if (!found) return unavailable_error(address, found.error().context);
  return std::vector<Endpoint>(found->begin(), found->end());
}

Result<Descriptor> connect(const config::Endpoint& address, const Endpoint& endpoint) {
  Descriptor socket(::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.get() < 0) return system_error(address);
  const auto size = static_cast<socklen_t>(endpoint.size());
  const ssize_t connected = call_until(socket, {Clock::now() + connect_timeout}, [&] {
    return ::connect(socket.get(), endpoint.data(), size);  // once more, it waits on for the same connection
  });
  if (connected != 0) return system_error(address);
  return socket;
}

/// To the first that is there: a machine may have one loopback of two.
Result<Descriptor> connect(const config::Endpoint& address) {
  const auto endpoints = find_endpoints(address);
  if (!endpoints) return endpoints.error();
  auto connected = connect(address, endpoints->front());
  for (std::size_t i = 1; !connected && i < endpoints->size(); ++i) {
    if (auto other = connect(address, (*endpoints)[i])) return other;
  }
  return connected;
}

std::string request_head(const config::Admin& admin, const std::string& request_line) {
  const std::string host = admin.address->is_unix() ? "localhost" : config::to_string(*admin.address);
  return request_line + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n";
}

std::string post_text(const config::Admin& admin, const std::string& path, const std::string& json) {
  std::string text = request_head(admin, "POST " + path) + "Content-Type: application/json\r\n";
  if (!admin.token.empty()) text += "Authorization: Bearer " + admin.token.reveal() + "\r\n";
  return text + "Content-Length: " + std::to_string(json.size()) + "\r\n\r\n" + json;
}

/// The connection, once it is there.
struct Conversation {
  const Descriptor& socket;
  const config::Endpoint& address;
  Patience patience;
  std::size_t max_content;
};

Result<void> send(const Conversation& with, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = call_until(with.socket, with.patience, [&] {
      return ::send(with.socket.get(), text.data(), text.size(), MSG_NOSIGNAL);
    });
    if (sent < 0) return system_error(with.address);
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

/// Appends what comes next.
/// @return whether anything did: false if the connection has ended
Result<bool> receive(const Conversation& with, std::string& received) {
  std::array<char, piece_size> piece;
  const ssize_t size = call_until(with.socket, with.patience,
                                  [&] { return ::recv(with.socket.get(), piece.data(), piece.size(), 0); });
  if (size < 0) return system_error(with.address);
  received.append(piece.data(), static_cast<std::size_t>(size));
  return size > 0;
}

Error cut_short(const config::Endpoint& address) {
  return unavailable_error(address, "the connection was closed before the answer was whole");
}

/// @param message  gets the parser of the content
/// @return its status, once it is taken off `received`
Result<unsigned> receive_head(const Conversation& with, std::string& received,
                              std::optional<http::ResponseParser>& message) {
  http::HeadScan scan(http::HeadKind::response, {});
  http::ResponseHead head;
  auto size = http::read_response_head(received, scan, false, message, head);
  while (size && *size == 0) {
    const auto came = receive(with, received);
    if (!came) return came.error();
    if (!*came) return cut_short(with.address);
    size = http::read_response_head(received, scan, false, message, head);
  }
  if (!size) return unavailable_error(with.address, size.error().context);
  const auto framing = http::framing_of(head, false);
  if (!framing) return unavailable_error(with.address, framing.error().context);
  received.erase(0, *size);  // the views into the head end here
  return head.status;
}

/// @param received  what has come of it already
Result<std::string> receive_content(const Conversation& with, http::ResponseParser& parser,
                                    std::string received) {
  std::string content;
  while (!parser.done()) {
    const auto step = parser.next(received);
    if (!step) return unavailable_error(with.address, step.error().context);
    content.append(step->content);
    if (content.size() > with.max_content)
      return unavailable_error(with.address,
                               "the answer is longer than " + std::to_string(with.max_content) + " bytes");
    received.erase(0, step->consumed);
    if (parser.done() || !received.empty()) continue;
    const auto came = receive(with, received);
    if (!came) return came.error();
    if (!*came && parser.ends_with_connection()) break;
    if (!*came) return cut_short(with.address);
  }
  return content;
}

Result<AdminAnswer> receive_answer(const Conversation& with) {
  std::string received;
  std::optional<http::ResponseParser> message;
  const auto status = receive_head(with, received, message);
  if (!status) return status.error();
  auto content = receive_content(with, *message, std::move(received));
  if (!content) return content.error();
  return AdminAnswer{*status, std::move(*content)};
}

Result<AdminAnswer> ask(const config::Admin& admin, const std::string& text, std::size_t content_max,
                        StopFlag stop) {
  const auto socket = connect(*admin.address);
  if (!socket) return socket.error();
  const Conversation conversation{
      *socket, *admin.address, {Clock::now() + answer_timeout, stop}, content_max};
  if (const auto sent = send(conversation, text); !sent) return sent.error();
  return receive_answer(conversation);
}

Error no_listener() {
  return {ErrorCode::unavailable, false, "admin.address is \"off\": a running daemon cannot be asked"};
}

/// The process has taken the connection while another one came to serve. That one takes the next.
bool says_handed_over(const AdminAnswer& answer) {
  return answer.status == 503 && member_of(answer, "type") == "urn:roktcached:handed-over";
}

}  // namespace

Result<AdminAnswer> post_to_admin(const config::Admin& admin, const std::string& path,
                                  const std::string& json, StopFlag stop) {
  if (!admin.address) return no_listener();
  const std::string text = post_text(admin, path, json);
  const auto until = Clock::now() + longest_hand_over;
  auto answer = ask(admin, text, max_content, stop);
  while (answer && says_handed_over(*answer) && Clock::now() < until) {
    std::this_thread::sleep_for(between_processes);
    answer = ask(admin, text, max_content, stop);
  }
  return answer;
}

Result<AdminAnswer> get_from_admin(const config::Admin& admin, const std::string& target) {
  if (!admin.address) return no_listener();
  return ask(admin, request_head(admin, "GET " + target) + "\r\n", max_listing, nullptr);
}

std::optional<boost::json::value> content_of(const AdminAnswer& answer) {
  boost::system::error_code error;
  boost::json::value content = boost::json::parse(answer.body, error);
  if (answer.status != 200 || error) return std::nullopt;
  return content;
}

int fail_with(const AdminAnswer& answer) {
  const std::string detail = member_of(answer, "detail");
  return fail(failed,
              fmt::format("the daemon answered {}{}{}", answer.status, detail.empty() ? "" : ": ", detail));
}

std::string member_of(const AdminAnswer& answer, std::string_view name) {
  namespace json = boost::json;
  boost::system::error_code error;
  const json::value parsed = json::parse(answer.body, error);
  const json::value* found = !error && parsed.is_object() ? parsed.get_object().if_contains(name) : nullptr;
  if (found == nullptr) return {};
  return printable(found->is_string() ? std::string(found->get_string()) : json::serialize(*found));
}

}  // namespace roktcached::commands
