#pragma once

#include <spdlog/common.h>
#include <spdlog/fmt/fmt.h>

#include <atomic>
#include <concepts>
#include <exception>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

namespace roktcached {

/// A line of the log that machines read, too: an event by its name, one sentence for people, and typed
/// fields. Text shows the sentence, which says what is in the fields; JSON and the journal have the fields,
/// numbers as numbers. Each log's format is made where the line is written, see log_format.h; until then the
/// line travels as one string:
///
///   begin sentence, separator event, {separator name, '=' text or '#' number}
///
/// Made and logged on one thread; nothing is made where the level is not logged. If memory fails, the line
/// is lost and counted, as of any other; nothing throws.
class LogEvent {
 public:
  static constexpr char begin = '\x1e';
  static constexpr char separator = '\x1f';
  static constexpr char text_sign = '=';
  static constexpr char number_sign = '#';

  /// @param name      as "token-minted": letters, digits and dashes
  /// @param sentence  one line; see append_printable in core/printable.h
  LogEvent(spdlog::level::level_enum level, std::string_view name, std::string_view sentence) noexcept;

  LogEvent& with(std::string_view field, std::string_view text) noexcept;
  LogEvent& with(std::string_view field, std::integral auto number) noexcept {
    return add([&] {
      fmt::format_to(std::back_inserter(line_), "{}{}{}{}", separator, field, number_sign, number);
    });
  }
  void log() const noexcept;

 private:
  template <class Action>
  LogEvent& add(Action action) noexcept {
    try {
      if (wanted_) action();
    } catch (const std::exception&) {
      lose();
    }
    return *this;
  }
  void lose() noexcept;
  void append(std::string_view text) { line_.append(text.data(), text.data() + text.size()); }
  void append_clean(std::string_view text);

  const spdlog::level::level_enum level_;
  bool wanted_;
  fmt::basic_memory_buffer<char, 512> line_;
};

/// An event whose sentence is formatted, e.g. log_event(spdlog::level::info, "draining", "draining {}",
/// n).log().
template <class... Arguments>
[[nodiscard]] LogEvent log_event(spdlog::level::level_enum level, std::string_view name,
                                 fmt::format_string<Arguments...> format, Arguments&&... arguments) noexcept {
  try {
    return LogEvent(level, name, fmt::format(format, std::forward<Arguments>(arguments)...));
  } catch (const std::exception&) {
    return LogEvent(level, name, "out of memory");  // which it has room for
  }
}

/// Whether debug lines are logged: for the way of a hit, which asks with every request. See set_log_level.
inline std::atomic<bool> debug_is_logged{false};

/// Reads a line as it travels. A line that is no event is all sentence.
class LogLine {
 public:
  struct Field {
    std::string_view name;
    std::string_view value;
    bool is_number = false;
  };
  explicit LogLine(std::string_view payload);

  [[nodiscard]] std::string_view sentence() const { return sentence_; }
  /// "message" of what is no event.
  [[nodiscard]] std::string_view event() const { return event_; }
  /// One after the other.
  [[nodiscard]] std::optional<Field> next();

 private:
  std::string_view sentence_;
  std::string_view event_ = "message";
  std::string_view rest_;
};

}  // namespace roktcached
