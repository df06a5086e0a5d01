#include "server/log_event.h"

#include <spdlog/spdlog.h>

#include "core/printable.h"
#include "server/logging.h"

namespace roktcached {

LogEvent::LogEvent(spdlog::level::level_enum level, std::string_view name, std::string_view sentence) noexcept
    : level_(level), wanted_(spdlog::default_logger_raw()->should_log(level)) {
  add([&] {
    line_.push_back(begin);
    append_clean(sentence);
    line_.push_back(separator);
    append(name);
  });
}

LogEvent& LogEvent::with(std::string_view field, std::string_view text) noexcept {
  return add([&] {
    line_.push_back(separator);
    append(field);
    line_.push_back(text_sign);
    append_clean(text);
  });
}

/// Text from outside must not look like a field, or like a line of its own.
void LogEvent::append_clean(std::string_view text) {
  append_printable(line_, text);
}

void LogEvent::lose() noexcept {
  wanted_ = false;
  count_lost_line("out of memory");
}

/// The logger catches what it throws, and counts the line as lost.
void LogEvent::log() const noexcept {
  if (wanted_) spdlog::default_logger_raw()->log(level_, spdlog::string_view_t(line_.data(), line_.size()));
}

LogLine::LogLine(std::string_view payload) {
  if (!payload.starts_with(LogEvent::begin)) {
    sentence_ = payload;
    return;
  }
  payload.remove_prefix(1);
  const auto take = [&payload] {
    const auto end = payload.find(LogEvent::separator);
    const auto part = payload.substr(0, end);
    payload.remove_prefix(end == std::string_view::npos ? payload.size() : end + 1);
    return part;
  };
  sentence_ = take();
  event_ = take();
  rest_ = payload;
}

std::optional<LogLine::Field> LogLine::next() {
  if (rest_.empty()) return std::nullopt;
  const auto end = rest_.find(LogEvent::separator);
  const auto part = rest_.substr(0, end);
  rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
  constexpr char signs[] = {LogEvent::text_sign, LogEvent::number_sign};
  const auto at = part.find_first_of({signs, sizeof(signs)});
  if (at == std::string_view::npos) return Field{part, {}, false};
  return Field{part.substr(0, at), part.substr(at + 1), part[at] == LogEvent::number_sign};
}

}  // namespace roktcached
