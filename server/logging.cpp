#include "server/logging.h"

#include <fmt/format.h>
#include <poll.h>
#include <spdlog/async.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/spdlog.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

#include "server/log_file.h"

namespace roktcached {

namespace {

constexpr std::size_t queue_length = 8192;
constexpr const char* access_logger_name = "access";

std::shared_ptr<LogFile> log_file;  // null: standard error
std::shared_ptr<spdlog::logger> owned_access_lines;
std::atomic<spdlog::logger*> access_lines{nullptr};  // null while access lines are not wanted
bool access_as_json = false;

/// As the inside of a JSON string (RFC 8259, section 7). A line is made of memory that is there already.
void append_escaped(spdlog::memory_buf_t& line, std::string_view text) {
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      line.push_back('\\');
      line.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(line), "\\u{:04x}", static_cast<unsigned>(c));
    } else {
      line.push_back(c);
    }
  }
}

/// One JSON object a line. An access line's payload is the inside of an object already.
class JsonFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) override {
    const auto ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(message.time.time_since_epoch()).count();
    const auto level = spdlog::level::to_string_view(message.level);
    const std::string_view payload(message.payload.data(), message.payload.size());
    const bool is_access =
        std::string_view(message.logger_name.data(), message.logger_name.size()) == access_logger_name;
    fmt::format_to(std::back_inserter(line), "{{\"time_unix_ms\":{},\"level\":\"{}\",", ms,
                   std::string_view(level.data(), level.size()));
    if (is_access) {
      fmt::format_to(std::back_inserter(line), "{}}}\n", payload);
    } else {
      fmt::format_to(std::back_inserter(line), "\"message\":\"");
      append_escaped(line, payload);
      fmt::format_to(std::back_inserter(line), "\"}}\n");
    }
  }
  [[nodiscard]] std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<JsonFormatter>();
  }
};

std::unique_ptr<spdlog::formatter> formatter_for(config::LogFormat format) {
  if (format == config::LogFormat::json) return std::make_unique<JsonFormatter>();
  return std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %-5l %v",
                                                     spdlog::pattern_time_type::utc);
}

std::shared_ptr<spdlog::logger> make_logger(const char* name, const spdlog::sink_ptr& sink) {
  auto logger = std::make_shared<spdlog::async_logger>(name, sink, spdlog::thread_pool(),
                                                       spdlog::async_overflow_policy::overrun_oldest);
  logger->set_error_handler([](const std::string& why) { count_lost_line(why.c_str()); });
  return logger;
}

constexpr std::int64_t seconds_between_complaints = 60;

std::atomic<std::uint64_t> lines_lost{0};
std::atomic<std::int64_t> next_complaint_s{0};  // on the monotonic clock

}  // namespace

Result<void> start_logging(const config::Log& settings) {
  spdlog::sink_ptr sink;
  if (settings.file.empty()) {
    sink = LogFile::standard_error();
  } else {
    auto opened = LogFile::open(settings.file);
    if (!opened) return opened.error();
    sink = log_file = std::move(*opened);
  }
  spdlog::init_thread_pool(queue_length, 1);
  sink->set_formatter(formatter_for(settings.format));
  const auto logger = make_logger("", sink);
  spdlog::set_default_logger(logger);
  access_as_json = settings.format == config::LogFormat::json;
  owned_access_lines = make_logger(access_logger_name, sink);
  change_logging(settings);
  return {};
}

void change_logging(const config::Log& settings) {
  const auto level = spdlog::level::from_str(std::string(config::to_string(settings.level)));
  spdlog::default_logger_raw()->set_level(level);
  access_lines = settings.access ? owned_access_lines.get() : nullptr;
}

void reopen_log() {
  if (!log_file) return spdlog::info("SIGUSR1: nothing to open again, the log goes to standard error");
  if (const auto opened = log_file->reopen(); !opened)
    return spdlog::error("SIGUSR1: {}; the file in use stays in use", opened.error().context);
  spdlog::info("SIGUSR1: {} is opened again", log_file->path());
}

void end_log() {
  // From here on nothing is said of lost lines: the log has ended before those who write to it.
  next_complaint_s.store(INT64_MAX, std::memory_order_relaxed);
  spdlog::details::registry::instance().set_tp(nullptr);  // waits until what is queued is written
}

void stop_logging() {
  end_log();
  access_lines = nullptr;
  owned_access_lines.reset();
  spdlog::shutdown();
  log_file.reset();
}

DroppedLines dropped_lines() {
  const auto queue = spdlog::thread_pool();
  return {.queue_full = queue ? queue->overrun_counter() : 0,
          .not_written = lines_lost.load(std::memory_order_relaxed)};
}

spdlog::logger* access_logger() {
  return access_lines.load(std::memory_order_acquire);
}

bool access_lines_are_json() {
  return access_as_json;
}

void say_without_waiting(std::string_view line) noexcept {
  pollfd writable{STDERR_FILENO, POLLOUT, 0};  // a pipe with room has room for PIPE_BUF
  if (::poll(&writable, 1, 0) > 0) (void)!::write(STDERR_FILENO, line.data(), line.size());
}

void count_lost_line(const char* why) noexcept {
  lines_lost.fetch_add(1, std::memory_order_relaxed);
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  std::int64_t due = next_complaint_s.load(std::memory_order_relaxed);
  if (now.tv_sec < due) return;
  if (!next_complaint_s.compare_exchange_strong(due, now.tv_sec + seconds_between_complaints)) return;
  say_without_waiting("roktcached: the log has lost a line: ");
  say_without_waiting(why);
  say_without_waiting("\n");
}

}  // namespace roktcached
