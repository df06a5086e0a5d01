#include "server/journal.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>

#include "core/ascii.h"
#include "core/printable.h"
#include "server/log_event.h"
#include "server/log_format.h"
#include "server/logging.h"

namespace roktcached {

namespace {

/// As syslog(3) counts them; by spdlog's levels, trace to off.
constexpr std::array<char, 7> priorities = {'7', '7', '6', '4', '3', '2', '2'};

char priority_of(spdlog::level::level_enum level) {
  return priorities[static_cast<std::size_t>(level)];
}

/// Whoever has chosen the value, it has no line feed then, which would end the field, and nothing that is a
/// command to a terminal.
void append_field(spdlog::memory_buf_t& datagram, std::string_view name, std::string_view value) {
  datagram.append(name.data(), name.data() + name.size());
  datagram.push_back('=');
  append_printable(datagram, value);
  datagram.push_back('\n');
}

void append_event(spdlog::memory_buf_t& datagram, LogLine read) {
  append_field(datagram, "ROKTCACHED_EVENT", read.event());
  for (auto field = read.next(); field; field = read.next()) {
    if (field->value == "-") continue;
    spdlog::memory_buf_t name;
    fmt::format_to(std::back_inserter(name), "ROKTCACHED_{}", field->name);
    std::transform(name.begin(), name.end(), name.begin(), to_upper);
    append_field(datagram, {name.data(), name.size()}, field->value);
  }
}

}  // namespace

bool is_journal_stream(std::string_view journal_stream, int descriptor) {
  struct stat status {};
  if (journal_stream.empty() || ::fstat(descriptor, &status) != 0) return false;
  return fmt::format("{}:{}", status.st_dev, status.st_ino) == journal_stream;
}

Journal::Journal(config::LogFormat format, std::shared_ptr<LogFile> standard_error, std::string socket)
    : format_(format),
      standard_error_(std::move(standard_error)),
      address_(std::move(socket)),
      socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}

/// Throws nothing: what is caught above takes memory.
void Journal::sink_it_(const spdlog::details::log_msg& message) {
  try {
    spdlog::memory_buf_t text;
    append_without_time(message, format_, text);
    spdlog::memory_buf_t datagram;
    const char priority = priority_of(message.level);
    append_field(datagram, "PRIORITY", {&priority, 1});
    append_field(datagram, "SYSLOG_IDENTIFIER", "roktcached");
    append_field(datagram, "MESSAGE", {text.data(), text.size()});
    append_event(datagram, LogLine({message.payload.data(), message.payload.size()}));
    if (send({datagram.data(), datagram.size()})) return;
    spdlog::memory_buf_t line;
    fmt::format_to(std::back_inserter(line), "<{}>{}\n", priority,
                   std::string_view(text.data(), text.size()));
    standard_error_->write({line.data(), line.size()});
  } catch (const std::exception&) {
    count_lost_line("out of memory");
  }
}

bool Journal::send(std::string_view datagram) noexcept {
  constexpr int patience_ms = 1000;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (address_.size() >= sizeof(address.sun_path)) return false;
  address_.copy(address.sun_path, sizeof(address.sun_path) - 1);
  for (int attempt = 0; attempt < 2; ++attempt) {
    const ssize_t sent = ::sendto(socket_.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL,
                                  reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    if (sent >= 0) return true;
    if (errno != EAGAIN) return false;
    pollfd writable{socket_.get(), POLLOUT, 0};
    if (::poll(&writable, 1, patience_ms) <= 0) return false;
  }
  return false;
}

}  // namespace roktcached
