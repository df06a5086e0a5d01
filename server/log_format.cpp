#include "server/log_format.h"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>

#include <chrono>
#include <cstdint>
#include <iterator>
#include <string_view>

#include "core/printable.h"
#include "server/log_event.h"

namespace roktcached {

namespace {

constexpr std::string_view none = "-";

std::string_view view(spdlog::string_view_t text) {
  return {text.data(), text.size()};
}

void append(spdlog::memory_buf_t& line, std::string_view text) {
  line.append(text.data(), text.data() + text.size());
}

/// As the inside of a JSON string (RFC 8259, section 7), which is printable, and UTF-8. A line is made of
/// memory that is there already.
void append_escaped(spdlog::memory_buf_t& line, std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = printable_size(text);
    for (const char c : text.substr(0, size)) {
      if (c == '"' || c == '\\') line.push_back('\\');
      line.push_back(c);
    }
    text.remove_prefix(size);
    if (text.empty()) return;
    fmt::format_to(std::back_inserter(line), "\\u{:04x}",
                   static_cast<std::uint32_t>(take_unprintable(text).character));
  }
}

/// The sentence; of an event that has none, as an access line, its fields: "client=anonymous route=-".
void append_text(spdlog::memory_buf_t& line, LogLine read) {
  append_printable(line, read.sentence());
  if (!read.sentence().empty()) return;
  for (auto field = read.next(); field; field = read.next()) {
    if (line.size() > 0 && *(line.end() - 1) != ' ') line.push_back(' ');
    append(line, field->name);
    line.push_back('=');
    append_printable(line, field->value);
  }
}

/// The members of the object that an event is, but for time and level.
void append_members(spdlog::memory_buf_t& line, LogLine read) {
  append(line, "\"event\":\"");
  append_escaped(line, read.event());
  line.push_back('"');
  if (!read.sentence().empty()) {
    append(line, ",\"message\":\"");
    append_escaped(line, read.sentence());
    line.push_back('"');
  }
  for (auto field = read.next(); field; field = read.next()) {
    append(line, ",\"");
    append_escaped(line, field->name);
    append(line, "\":");
    if (field->value == none) {
      append(line, "null");
    } else if (field->is_number) {
      append(line, field->value);
    } else {
      line.push_back('"');
      append_escaped(line, field->value);
      line.push_back('"');
    }
  }
}

class JsonFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) override {
    const auto ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(message.time.time_since_epoch()).count();
    fmt::format_to(std::back_inserter(line), "{{\"time_unix_ms\":{},\"level\":\"{}\",", ms,
                   view(spdlog::level::to_string_view(message.level)));
    append_members(line, LogLine(view(message.payload)));
    append(line, "}\n");
  }
  [[nodiscard]] std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<JsonFormatter>();
  }
};

/// The time and the level are spdlog's to write, which remembers the text of the second.
class TextFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) override {
    begin_.format(message, line);
    append_text(line, LogLine(view(message.payload)));
    line.push_back('\n');
  }
  [[nodiscard]] std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<TextFormatter>();
  }

 private:
  spdlog::pattern_formatter begin_{"%Y-%m-%dT%H:%M:%S.%eZ %-5l ", spdlog::pattern_time_type::utc, ""};
};

}  // namespace

std::unique_ptr<spdlog::formatter> log_formatter(config::LogFormat format) {
  if (format == config::LogFormat::json) return std::make_unique<JsonFormatter>();
  return std::make_unique<TextFormatter>();
}

void append_without_time(const spdlog::details::log_msg& message, config::LogFormat format,
                         spdlog::memory_buf_t& line) {
  LogLine read(view(message.payload));
  if (format == config::LogFormat::text) return append_text(line, read);
  line.push_back('{');
  append_members(line, read);
  line.push_back('}');
}

}  // namespace roktcached
