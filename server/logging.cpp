#include "server/logging.h"

#include <fmt/format.h>
#include <poll.h>
#include <spdlog/async.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <vector>

#include "server/journal.h"
#include "server/log_event.h"
#include "server/log_file.h"
#include "server/log_format.h"
#include "server/log_limit.h"

namespace roktcached {

namespace {

constexpr std::size_t queue_length = 8192;
constexpr const char* access_logger_name = "access";

std::shared_ptr<LogFile> log_file;  // null: none
std::shared_ptr<spdlog::logger> owned_access_lines;
std::atomic<spdlog::logger*> access_lines{nullptr};  // null while access lines are not wanted
std::atomic<std::uint64_t> lines_held_back{0};

/// Hands every line to each log, but for those that come again and again. On the log's thread.
class AllLogs final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit AllLogs(std::vector<spdlog::sink_ptr> logs) : logs_(std::move(logs)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    for (const LogLimit::HeldBack& held_back : limit_.ended(message.time)) say(held_back, message.time);
    if (limit_.admit(message)) return hand_on(message);
    lines_held_back.fetch_add(1, std::memory_order_relaxed);
  }
  void flush_() override {}

  void hand_on(const spdlog::details::log_msg& message) {
    for (const spdlog::sink_ptr& log : logs_) log->log(message);
  }
  void say(const LogLimit::HeldBack& held_back, spdlog::log_clock::time_point now) {
    const std::string line = fmt::format(
        "{0}{1} lines like this one were left out in {2} s: "
        "{3}{4}log-lines-left-out{4}lines{5}{1}{4}window_s{5}{2}",
        LogEvent::begin, held_back.lines, LogLimit::window.count(), held_back.beginning, LogEvent::separator,
        LogEvent::number_sign);
    hand_on({now, spdlog::source_loc(), "", spdlog::level::warn, line});
  }

  const std::vector<spdlog::sink_ptr> logs_;
  LogLimit limit_;
};

std::shared_ptr<spdlog::logger> make_logger(const char* name, const spdlog::sink_ptr& sink) {
  auto logger = std::make_shared<spdlog::async_logger>(name, sink, spdlog::thread_pool(),
                                                       spdlog::async_overflow_policy::overrun_oldest);
  logger->set_error_handler([](const std::string& why) { count_lost_line(why.c_str()); });
  return logger;
}

/// With the fields of each line where it is the journal's.
spdlog::sink_ptr open_standard_error(config::LogFormat format) {
  auto standard_error = LogFile::standard_error();
  const char* const stream =
      std::getenv("JOURNAL_STREAM");  // NOLINT(concurrency-mt-unsafe): before any thread
  if (is_journal_stream(stream == nullptr ? "" : stream, STDERR_FILENO))
    return std::make_shared<Journal>(format, std::move(standard_error));
  standard_error->set_formatter(log_formatter(format));
  return standard_error;
}

spdlog::level::level_enum spdlog_level(config::LogLevel level) {
  return spdlog::level::from_str(std::string(config::to_string(level)));
}

constexpr std::int64_t seconds_between_complaints = 60;

std::atomic<std::uint64_t> lines_lost{0};
std::atomic<std::int64_t> next_complaint_s{0};  // on the monotonic clock

}  // namespace

Result<void> start_logging(const config::Log& settings) {
  std::vector<spdlog::sink_ptr> logs;
  if (settings.to_standard_error()) logs.push_back(open_standard_error(settings.format));
  if (!settings.file.empty()) {
    auto opened = LogFile::open(settings.file);
    if (!opened) return opened.error();
    log_file = std::move(*opened);
    log_file->set_formatter(log_formatter(settings.format_of_file()));
    logs.push_back(log_file);
  }
  spdlog::init_thread_pool(queue_length, 1);
  const auto all = std::make_shared<AllLogs>(std::move(logs));
  spdlog::set_default_logger(make_logger("", all));
  owned_access_lines = make_logger(access_logger_name, all);
  change_logging(settings);
  return {};
}

void change_logging(const config::Log& settings) {
  set_log_level(settings.level);
  access_lines = settings.access ? owned_access_lines.get() : nullptr;
}

void set_log_level(config::LogLevel level) {
  spdlog::default_logger_raw()->set_level(spdlog_level(level));
  debug_is_logged.store(level <= config::LogLevel::debug, std::memory_order_relaxed);
}

config::LogLevel log_level() {
  using config::LogLevel;
  for (const LogLevel level : {LogLevel::trace, LogLevel::debug, LogLevel::info, LogLevel::warn}) {
    if (spdlog::default_logger_raw()->level() == spdlog_level(level)) return level;
  }
  return LogLevel::error;
}

void reopen_log() {
  if (!log_file) {
    constexpr std::string_view nothing = "SIGUSR1: nothing to open again, the log goes to standard error";
    return LogEvent(spdlog::level::info, "log-reopen-ignored", nothing).log();
  }
  if (const auto opened = log_file->reopen(); !opened) {
    const std::string why = fmt::format("SIGUSR1: {}; the file in use stays in use", opened.error().context);
    return LogEvent(spdlog::level::err, "log-reopen-failed", why).log();
  }
  const std::string done = fmt::format("SIGUSR1: {} is opened again", log_file->path());
  LogEvent(spdlog::level::info, "log-reopened", done).with("file", log_file->path()).log();
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
          .not_written = lines_lost.load(std::memory_order_relaxed),
          .held_back = lines_held_back.load(std::memory_order_relaxed)};
}

spdlog::logger* access_logger() {
  return access_lines.load(std::memory_order_acquire);
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
